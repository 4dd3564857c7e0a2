#include "model/tokenizer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <unordered_map>

#include "model/bpe.hpp"
#include "model/input_error.hpp"
#include "model/pre_tokenizer.hpp"
#include "model/utf8.hpp"

namespace charter::model {
namespace {

// 64-bit FNV-1a; a length before each text keeps "ab","c" apart from "a","bc".
class Hasher {
 public:
  void add(uint64_t number) {
    for (int i = 0; i < 8; ++i) byte(static_cast<uint8_t>(number >> (8 * i)));
  }
  void add(std::string_view text) {
    add(text.size());
    for (const char c : text) byte(static_cast<uint8_t>(c));
  }
  [[nodiscard]] uint64_t value() const { return value_; }

 private:
  void byte(uint8_t b) { value_ = (value_ ^ b) * 0x100000001B3ull; }
  uint64_t value_ = 0xCBF29CE484222325ull;
};

uint64_t hash_of(const TokenizerSpec& spec) {
  Hasher h;
  h.add(spec.tokens.size());
  for (const auto& token : spec.tokens) h.add(token);
  h.add(spec.merges.size());
  for (const auto& [left, right] : spec.merges) h.add(left), h.add(right);
  for (const auto& t : spec.added) {
    h.add(static_cast<uint64_t>(t.id)), h.add(t.text), h.add(t.special), h.add(t.normalized);
  }
  for (const auto& step : spec.pre) {
    h.add(static_cast<uint64_t>(step.kind)), h.add(step.pattern), h.add(step.individual_digits);
  }
  h.add(spec.nfc), h.add(spec.ignore_merges);
  return h.value();
}

// The added tokens of one kind, found leftmost and then longest.
class AddedMatcher {
 public:
  void add(const AddedToken& token) {
    by_first_[static_cast<uint8_t>(token.text[0])].push_back(token);
  }
  void finish() {
    for (auto& bucket : by_first_) {
      std::stable_sort(bucket.begin(), bucket.end(), [](const AddedToken& a, const AddedToken& b) {
        return a.text.size() > b.text.size();
      });
    }
  }
  // Calls `text` and `token` on the stretches between tokens and on the tokens, in order.
  void split(std::string_view all, bool parse_special,
             const std::function<void(std::string_view)>& text,
             const std::function<void(int32_t)>& token) const {
    size_t done = 0;
    for (size_t i = 0; i < all.size();) {
      const AddedToken* found = match(all.substr(i), parse_special);
      if (!found) {
        ++i;
        continue;
      }
      if (i > done) text(all.substr(done, i - done));
      token(found->id);
      i += found->text.size();
      done = i;
    }
    if (done < all.size()) text(all.substr(done));
  }

 private:
  [[nodiscard]] const AddedToken* match(std::string_view text, bool parse_special) const {
    for (const auto& t : by_first_[static_cast<uint8_t>(text[0])]) {
      if ((parse_special || !t.special) && text.starts_with(t.text)) return &t;
    }
    return nullptr;
  }
  std::array<std::vector<AddedToken>, 256> by_first_;
};

std::unordered_map<std::string, int32_t> ids_of(const TokenizerSpec& spec) {
  std::unordered_map<std::string, int32_t> ids;
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
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec s)
      : spec(std::move(s)), ids(ids_of(spec)), bpe(spec, ids), pre(spec.pre), hash(hash_of(spec)) {
    bytes.reserve(spec.tokens.size());
    for (const auto& token : spec.tokens) bytes.push_back(bytes_of_token(token));
    if (spec.ignore_merges) {
      for (size_t id = 0; id < bytes.size(); ++id) {
        if (!bytes[id].empty()) whole_pieces.emplace(bytes[id], static_cast<int32_t>(id));
      }
    }
    special.resize(spec.tokens.size());
    for (const auto& t : spec.added) {
      const auto id = static_cast<size_t>(t.id);
      (t.normalized ? normalized_added : raw_added).add(t);
      special[id] = t.special;
      whole_pieces.erase(bytes[id]);
      bytes[id] = t.text;
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

  // A stretch without added tokens that are matched before normalization.
  void encode_text(std::string_view text, bool parse_special, std::vector<int32_t>& out) const {
    const std::string normal = spec.nfc ? utf8_nfc(text) : std::string();
    normalized_added.split(
        spec.nfc ? normal : text, parse_special,
        [&](std::string_view part) {
          pre.split(part, [&](std::string_view piece) { encode_piece(piece, out); });
        },
        [&](int32_t id) { out.push_back(id); });
  }

  TokenizerSpec spec;
  std::unordered_map<std::string, int32_t> ids;
  Bpe bpe;
  PreTokenizer pre;
  AddedMatcher raw_added, normalized_added;
  std::vector<std::string> bytes;                              // by id
  std::unordered_map<std::string_view, int32_t> whole_pieces;  // into bytes; with ignore_merges
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

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool parse_special) const {
  const std::string valid = utf8_replace_invalid(text);
  std::vector<int32_t> out;
  out.reserve(valid.size() / 3 + 4);
  impl_->raw_added.split(
      valid, parse_special,
      [&](std::string_view part) { impl_->encode_text(part, parse_special, out); },
      [&](int32_t id) { out.push_back(id); });
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!(skip_special && is_special(id))) bytes += token_bytes(id);
  }
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
