#include "model/tokenizer.hpp"

#include <cstdio>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "model/added_matcher.hpp"
#include "model/bpe.hpp"
#include "model/input_error.hpp"
#include "model/metaspace.hpp"
#include "model/pre_tokenizer.hpp"
#include "model/utf8.hpp"

namespace charter::model {
namespace {

TokenIds ids_of(const TokenizerSpec& spec) {
  TokenIds ids;
  ids.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) ids.emplace(spec.tokens[id], static_cast<int32_t>(id));
  }
  return ids;
}

void check(const TokenizerSpec& spec) {
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (utf8_replace_invalid(spec.tokens[id]) != spec.tokens[id]) {
      throw InputError("token " + std::to_string(id) + ": expected valid UTF-8");
    }
  }
  for (const auto& t : spec.added) {
    if (t.text.empty() || t.id < 0 || static_cast<size_t>(t.id) >= spec.tokens.size()) {
      throw InputError("added token " + std::to_string(t.id) +
                       ": expected a text and an id below " + std::to_string(spec.tokens.size()));
    }
  }
  if (spec.metaspace) check_metaspace(spec);
}

// The bytes that a token of the vocabulary's alphabet, or an added one, decodes to.
std::string decoded(const TokenizerSpec& spec, const std::string& token, bool added) {
  if (spec.metaspace) return bytes_of_metaspace_token(token);
  return added ? token : bytes_of_token(token);
}

bool strips_first_space(const TokenizerSpec& spec) {
  return spec.metaspace && spec.metaspace->strip_first_space;
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec s)
      : spec(std::move(s)),
        ids(ids_of(spec)),
        bpe(spec, ids),
        pre(spec.pre),
        hash(tokenizer_hash(spec)) {
    bytes.reserve(spec.tokens.size());
    for (const auto& token : spec.tokens) bytes.push_back(decoded(spec, token, /*added=*/false));
    const std::vector<std::string>& pieces = spec.metaspace ? spec.tokens : bytes;
    if (spec.ignore_merges) {
      for (size_t id = 0; id < pieces.size(); ++id) {
        if (!pieces[id].empty()) whole_pieces.emplace(pieces[id], static_cast<int32_t>(id));
      }
    }
    special.resize(spec.tokens.size());
    for (const auto& t : spec.added) {
      const auto id = static_cast<size_t>(t.id);
      (t.normalized ? normalized_added : raw_added).add(t, t.normalized ? normal(t.text) : t.text);
      special[id] = t.special;
      whole_pieces.erase(pieces[id]);
      bytes[id] = decoded(spec, t.text, /*added=*/true);
    }
    raw_added.finish();
    normalized_added.finish();
  }

  void encode_piece(std::string_view piece, std::vector<int32_t>& out) const {
    if (spec.ignore_merges) {
      if (const auto it = whole_pieces.find(piece); it != whole_pieces.end()) {
        out.push_back(it->second);
        return;
      }
    }
    bpe.encode(piece, out);
  }

  [[nodiscard]] std::string normal(std::string_view text, Before before = Before::kNothing) const {
    if (spec.nfc) return utf8_nfc(text);
    if (!spec.metaspace || !spec.metaspace->normalizer) return std::string(text);
    return to_metaspace(
        text, spec.metaspace->prepend == Metaspace::Prepend::kAlways && before != Before::kText);
  }

  // A stretch without added tokens, after normalization.
  void encode_normal(std::string_view part, Before before, std::vector<int32_t>& out) const {
    if (!spec.metaspace) {
      pre.split(part, [&](std::string_view piece) { encode_piece(piece, out); });
    } else if (spec.metaspace->normalizer) {
      encode_piece(part, out);
    } else {
      const auto when = spec.metaspace->prepend;
      const bool here = when == Metaspace::Prepend::kAlways  ? before != Before::kText
                        : when == Metaspace::Prepend::kFirst ? before == Before::kNothing
                                                             : false;
      const bool has_one = part.starts_with(' ') || part.starts_with(kMetaspace);
      encode_piece(to_metaspace(part, here && !has_one), out);
    }
  }

  // A stretch without added tokens that are matched before normalization.
  void encode_text(std::string_view text, bool parse_special, Before before,
                   std::vector<int32_t>& out) const {
    const std::string normalized = normal(text, before);
    normalized_added.split(
        normalized, parse_special,
        [&](std::string_view part) {
          const bool first = part.data() == normalized.data();
          encode_normal(part, first ? before : Before::kToken, out);
        },
        [&](int32_t id) { out.push_back(id); });
  }

  TokenizerSpec spec;
  TokenIds ids;
  Bpe bpe;
  PreTokenizer pre;
  AddedMatcher raw_added, normalized_added;
  std::vector<std::string> bytes;                              // by id
  std::unordered_map<std::string_view, int32_t> whole_pieces;  // with ignore_merges
  std::vector<bool> special;
  uint64_t hash;
};

Tokenizer::Tokenizer(TokenizerSpec spec) {
  check(spec);
  impl_ = std::make_unique<const Impl>(std::move(spec));
}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool parse_special,
                                       Before before) const {
  const std::string valid = utf8_replace_invalid(text);
  std::vector<int32_t> out;
  out.reserve(valid.size() / 3 + 4);
  impl_->raw_added.split(
      valid, parse_special,
      [&](std::string_view part) {
        const bool first = part.data() == valid.data();
        impl_->encode_text(part, parse_special, first ? before : Before::kToken, out);
      },
      [&](int32_t id) { out.push_back(id); });
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!(skip_special && is_special(id))) bytes += token_bytes(id);
  }
  if (strips_first_space(spec()) && bytes.starts_with(' ')) bytes.erase(0, 1);
  return utf8_replace_invalid(bytes);
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  if (id < 0) throw std::invalid_argument("id: " + std::to_string(id) + ", expected 0 or more");
  return id < vocab_size() ? std::string_view(impl_->bytes[static_cast<size_t>(id)]) : "";
}

std::optional<int32_t> Tokenizer::id_of(std::string_view token) const {
  const auto it = impl_->ids.find(std::string(token));
  return it == impl_->ids.end() ? std::nullopt : std::optional(it->second);
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && id < vocab_size() && impl_->special[static_cast<size_t>(id)];
}

int64_t Tokenizer::vocab_size() const { return static_cast<int64_t>(impl_->spec.tokens.size()); }
const TokenizerSpec& Tokenizer::spec() const { return impl_->spec; }
uint64_t Tokenizer::hash() const { return impl_->hash; }

std::string Tokenizer::hash_hex() const {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash()));
  return text;
}

std::string StreamDecoder::push(int32_t id) {
  if (!(skip_special_ && tokenizer_->is_special(id))) pending_ += tokenizer_->token_bytes(id);
  if (at_start_ && !pending_.empty()) {
    at_start_ = false;
    if (strips_first_space(tokenizer_->spec()) && pending_[0] == ' ') pending_.erase(0, 1);
  }
  size_t whole = 0;
  while (whole < pending_.size()) {
    const Utf8Step step = utf8_step(std::string_view(pending_).substr(whole));
    if (step.status == Utf8Status::kIncomplete) break;
    whole += step.bytes;
  }
  std::string out = utf8_replace_invalid(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = utf8_replace_invalid(pending_);
  pending_.clear();
  return out;
}

}  // namespace charter::model
