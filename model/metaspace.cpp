#include "model/metaspace.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "model/input_error.hpp"
#include "model/utf8.hpp"

namespace charter::model {
namespace {

constexpr int32_t kNone = -1;
// SentencePiece makes pieces of 16 characters unless told otherwise. Looking a longer one's halves
// up would take quadratic time.
constexpr size_t kLongestPiece = 512;

std::optional<uint8_t> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = 16 * value + digit;
  }
  return static_cast<uint8_t>(value);
}

std::vector<bool> added_ids(const TokenizerSpec& spec) {
  std::vector<bool> added(spec.tokens.size());
  for (const auto& t : spec.added) added[static_cast<size_t>(t.id)] = true;
  return added;
}

// Whether "▁" comes after another character.
bool goes_on_after_space(std::string_view token) {
  size_t at = 0;
  while (token.substr(at).starts_with(kMetaspace)) at += kMetaspace.size();
  return token.find(kMetaspace, at) != std::string_view::npos;
}

}  // namespace

std::string byte_token(uint8_t byte) {
  char text[8];
  std::snprintf(text, sizeof(text), "<0x%02X>", byte);
  return text;
}

bool has_all_byte_tokens(const TokenizerSpec& spec) {
  std::array<bool, 256> found{};
  for (const auto& token : spec.tokens) {
    if (const auto byte = byte_of(token); byte && token == byte_token(*byte)) found[*byte] = true;
  }
  return std::all_of(found.begin(), found.end(), [](bool b) { return b; });
}

std::string bytes_of_metaspace_token(std::string_view token) {
  if (const auto byte = byte_of(token)) return std::string(1, static_cast<char>(*byte));
  std::string out;
  out.reserve(token.size());
  for (size_t i = 0; i < token.size();) {
    const bool space = token.substr(i).starts_with(kMetaspace);
    out += space ? ' ' : token[i];
    i += space ? kMetaspace.size() : 1;
  }
  return out;
}

std::string to_metaspace(std::string_view text, bool prepend) {
  std::string out;
  out.reserve(text.size() + text.size() / 2 + kMetaspace.size());
  if (prepend) out += kMetaspace;
  for (const char c : text) {
    if (c == ' ') {
      out += kMetaspace;
    } else {
      out += c;
    }
  }
  return out;
}

void check_metaspace(const TokenizerSpec& spec) {
  const Metaspace& m = *spec.metaspace;
  const auto size = std::to_string(spec.tokens.size());
  if (!m.scores.empty()) {
    if (m.scores.size() != spec.tokens.size()) {
      throw InputError("scores: " + std::to_string(m.scores.size()) + ", expected " + size);
    }
    for (size_t id = 0; id < m.scores.size(); ++id) {
      if (!std::isfinite(m.scores[id])) {
        throw InputError("score of token " + std::to_string(id) + ": expected a finite number");
      }
    }
  }
  if (m.unk_id && (*m.unk_id < 0 || static_cast<size_t>(*m.unk_id) >= spec.tokens.size())) {
    throw InputError("unknown token " + std::to_string(*m.unk_id) + ": expected below " + size);
  }
  if (!m.unk_id && !(m.byte_fallback && has_all_byte_tokens(spec))) {
    throw InputError("expected an unknown token, or a token <0x00> to <0xFF> for every byte");
  }
}

std::vector<RankedMerge> merges_by_score(const TokenizerSpec& spec, const TokenIds& ids) {
  const std::vector<bool> added = added_ids(spec);
  const auto piece = [&](const std::string& text) {
    const auto it = ids.find(text);
    const bool merges =
        it != ids.end() && !added[static_cast<size_t>(it->second)] && !byte_of(text).has_value();
    return merges ? it->second : kNone;
  };
  std::vector<RankedMerge> out;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string& token = spec.tokens[id];
    if (token.empty() || piece(token) != static_cast<int32_t>(id)) continue;
    if (token.size() > kLongestPiece) {
      throw InputError("token " + std::to_string(id) + ": " + std::to_string(token.size()) +
                       " bytes, expected at most " + std::to_string(kLongestPiece) +
                       " in a vocabulary with scores");
    }
    // A longer left half comes first where an order without equal ranks is asked for, as it does
    // when `transformers` makes merges of scores.
    for (size_t cut = token.size() - 1; cut > 0; --cut) {
      const int32_t left = piece(token.substr(0, cut));
      const int32_t right = left == kNone ? kNone : piece(token.substr(cut));
      if (right != kNone) out.push_back({left, right, static_cast<int32_t>(id)});
    }
  }
  const auto score = [&](const RankedMerge& m) {
    return spec.metaspace->scores[static_cast<size_t>(m.id)];
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const RankedMerge& a, const RankedMerge& b) { return score(a) > score(b); });
  for (size_t i = 1; i < out.size(); ++i) {
    out[i].rank = out[i - 1].rank + (score(out[i]) < score(out[i - 1]) ? 1 : 0);
  }
  return out;
}

MetaspaceCharacters::MetaspaceCharacters(const TokenizerSpec& spec, const TokenIds& ids)
    : unk_id_(spec.metaspace->unk_id), fuse_unk_(spec.metaspace->fuse_unk) {
  const std::vector<bool> added = added_ids(spec);
  for (const auto& [token, id] : ids) {
    const Utf8Step step = utf8_step(token);
    if (step.bytes == token.size() && !added[static_cast<size_t>(id)]) ids_[step.code] = id;
  }
  for (size_t b = 0; b < 256; ++b) {
    const auto it = ids.find(byte_token(static_cast<uint8_t>(b)));
    const bool there = spec.metaspace->byte_fallback && it != ids.end();
    byte_ids_[b] = there ? it->second : kNone;
  }
  words_ = ids_.contains(utf8_step(kMetaspace).code) &&
           std::none_of(spec.tokens.begin(), spec.tokens.end(), goes_on_after_space);
}

void MetaspaceCharacters::append(std::string_view text, std::vector<int32_t>& out) const {
  bool unknown = false;  // characters that are to become one unknown token
  const auto flush = [&] {
    if (unknown) out.push_back(*unk_id_);
    unknown = false;
  };
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(text.substr(i));
    const std::string_view bytes = text.substr(i, step.bytes);
    i += step.bytes;
    if (const auto it = ids_.find(step.code); it != ids_.end()) {
      flush();
      out.push_back(it->second);
      continue;
    }
    const auto id_of = [&](char c) { return byte_ids_[static_cast<uint8_t>(c)]; };
    if (std::none_of(bytes.begin(), bytes.end(), [&](char c) { return id_of(c) == kNone; })) {
      // An unknown token of characters before these comes after them, as in `tokenizers`.
      for (const char c : bytes) out.push_back(id_of(c));
    } else {
      if (!fuse_unk_) flush();
      unknown = unk_id_.has_value();
    }
  }
  flush();
}

void MetaspaceCharacters::split(std::string_view text,
                                const std::function<void(std::string_view)>& piece) const {
  size_t begin = 0;
  for (size_t at = text.find(kMetaspace); words_ && at != std::string_view::npos;) {
    if (at > begin) piece(text.substr(begin, at - begin));
    begin = at;
    while (text.substr(at).starts_with(kMetaspace)) at += kMetaspace.size();
    at = text.find(kMetaspace, at);
  }
  if (begin < text.size()) piece(text.substr(begin));
}

}  // namespace charter::model
