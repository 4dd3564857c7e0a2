// What a reader of files throws for bad input: one line, whatever names and values the file holds.
#pragma once
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace charter::model {

// Control characters as \xNN; of a text longer than `limit` bytes the beginning and the end.
[[nodiscard]] inline std::string one_line(std::string_view text, size_t limit = 600) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.size() > limit && i == limit / 2) {
      result += " ... ";
      i = text.size() - limit / 2;
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != 0x7f) {
      result += text[i];
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), "\\x%02x", byte);
    result += escaped;
  }
  return result;
}

class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& message) : std::runtime_error(one_line(message)) {}
};

}  // namespace charter::model
