// A configuration value as TOML text, the one spelling that print, explain and compare share.
#pragma once
#include <charconv>
#include <cstdint>
#include <string>

namespace charter::config {

[[nodiscard]] inline std::string value_text(bool value) { return value ? "true" : "false"; }
[[nodiscard]] inline std::string value_text(int32_t value) { return std::to_string(value); }
[[nodiscard]] inline std::string value_text(int64_t value) { return std::to_string(value); }

// The shortest digits that read back to the same double, with a point or an exponent so that TOML
// sees a float.
[[nodiscard]] inline std::string value_text(double value) {
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  std::string text(digits, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

// A TOML basic string.
[[nodiscard]] inline std::string value_text(const std::string& value) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      text += "\\u00";
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    } else {
      text += c;
    }
  }
  return text + "\"";
}

// The beginning of a text that may be of any length, for a message of one line.
[[nodiscard]] inline std::string brief(const std::string& text) {
  constexpr size_t kMost = 120;
  if (text.size() <= kMost) return text;
  size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // whole letters
  return text.substr(0, end) + "...";
}

// A key as a message has it: control characters as TOML writes them.
[[nodiscard]] inline std::string key_text(const std::string& key) {
  const std::string quoted = value_text(brief(key));
  const std::string inner = quoted.substr(1, quoted.size() - 2);
  return key.empty() || inner != brief(key) ? quoted : inner;
}

}  // namespace charter::config
