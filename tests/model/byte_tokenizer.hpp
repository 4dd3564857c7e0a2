// A byte-level vocabulary without merges: a token for each byte, then special tokens.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/tokenizer.hpp"
#include "model/utf8.hpp"

namespace charter::model {

constexpr int32_t kFirstSpecial = 256;

// GPT-2's bytes_to_unicode: printable bytes stand for themselves.
inline std::string byte_token(int byte) {
  const auto printable = [](int b) {
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  std::string out;
  utf8_append(out, static_cast<char32_t>(code));
  return out;
}

// Special token i has the id kFirstSpecial + i.
inline TokenizerSpec byte_spec(const std::vector<std::string>& specials) {
  TokenizerSpec spec;
  for (int b = 0; b < 256; ++b) spec.tokens.push_back(byte_token(b));
  for (const std::string& text : specials) {
    spec.added.push_back({.id = static_cast<int32_t>(spec.tokens.size()), .text = text});
    spec.tokens.push_back(text);
  }
  return spec;
}

}  // namespace charter::model
