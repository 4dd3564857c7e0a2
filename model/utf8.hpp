// UTF-8 by the Unicode standard's table 3-7, and canonical composition.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace charter::model {

enum class Utf8Status { kCharacter, kInvalid, kIncomplete };

struct Utf8Step {
  Utf8Status status;
  size_t bytes;  // of the character, or of the maximal invalid part (>= 1); kIncomplete: all left
  char32_t code = 0;  // kCharacter
};

// The character at the front of a text that is not empty. kIncomplete: more bytes could complete
// it.
[[nodiscard]] Utf8Step utf8_step(std::string_view text);

// Each maximal invalid part becomes U+FFFD, as Python's errors="replace" and Rust's from_utf8_lossy
// do.
[[nodiscard]] std::string utf8_replace_invalid(std::string_view text);

void utf8_append(std::string& out, char32_t code);

// Normalization form C of valid UTF-8 (UAX 15).
[[nodiscard]] std::string utf8_nfc(std::string_view text);

}  // namespace charter::model
