#include "model/jinja/string_literal.hpp"

#include <charconv>
#include <cstdint>

#include "model/jinja/lexer.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

// The digits of an escape: exactly `count` hexadecimal ones.
void append_hex(std::string_view source, size_t& at, size_t count, int line, std::string& out) {
  uint32_t code = 0;
  const std::string_view digits = source.substr(at, count);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  const bool whole = digits.size() == count && end == digits.data() + digits.size();
  if (error != std::errc() || !whole || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    fail_at(line, "a string's escape \"\\" + std::string(source.substr(at - 1, count + 1)) +
                      "\": expected a code point in " + std::to_string(count) + " digits");
  utf8_append(out, code);
  at += count;
}

void append_octal(std::string_view source, size_t& at, std::string& out) {
  char32_t code = 0;
  for (int n = 0; n < 3 && at < source.size() && source[at] >= '0' && source[at] <= '7'; ++n)
    code = code * 8 + static_cast<char32_t>(source[at++] - '0');
  utf8_append(out, code);
}

// The escape behind a backslash at source[at].
void append_escape(std::string_view source, size_t& at, int line, std::string& out) {
  constexpr std::string_view kNames = "ntrabfv\\'\"", kValues = "\n\t\r\a\b\f\v\\'\"";
  const char c = source[at];
  if (const size_t known = kNames.find(c); known != std::string_view::npos) {
    out += kValues[known];
    ++at;
  } else if (c == '\n') {
    ++at;
  } else if (c >= '0' && c <= '7') {
    append_octal(source, at, out);
  } else if (c == 'x' || c == 'u' || c == 'U') {
    append_hex(source, ++at, c == 'x' ? 2 : c == 'u' ? 4 : 8, line, out);
  } else if (c == 'N') {
    fail_at(line, "a string's escape \"\\N\" is not supported");
  } else {
    out += '\\';
  }
}

bool digit_of(char c, int base) {
  if (c >= '0' && c <= '9') return c - '0' < base;
  return base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
}

// Digits with underscores between them, from `at` on.
std::string digits(std::string_view source, size_t& at, int base) {
  std::string out;
  while (at < source.size()) {
    const bool joins =
        source[at] == '_' && at + 1 < source.size() && digit_of(source[at + 1], base);
    if (!joins && !digit_of(source[at], base)) break;
    if (!joins) out += source[at];
    ++at;
  }
  return out;
}

NumberLiteral based(std::string_view source, int base, int line) {
  size_t at = 2;
  const std::string text = digits(source, at, base);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || text.empty())
    fail_at(line, "number \"" + std::string(source.substr(0, at)) + "\": expected 64 bits");
  return {std::to_string(value), false, at};
}

}  // namespace

std::string string_of_literal(std::string_view source, int line) {
  std::string out;
  for (size_t at = 0; at < source.size();) {
    if (source[at] == '\\' && at + 1 < source.size()) {
      append_escape(source, ++at, line, out);
    } else {
      out += source[at++];
    }
  }
  return out;
}

NumberLiteral number_of_literal(std::string_view source, bool after_dot, int line) {
  if (source.size() > 2 && source[0] == '0') {
    const char c = static_cast<char>(source[1] | 0x20);
    const int base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
    if (base != 0 && digit_of(source[2], base)) return based(source, base, line);
  }
  size_t at = 0;
  NumberLiteral number{.digits = digits(source, at, 10)};
  if (!after_dot) {
    size_t end = at;
    if (end + 1 < source.size() && source[end] == '.' && digit_of(source[end + 1], 10)) {
      number.digits += '.' + digits(source, ++end, 10);
      number.is_float = true;
      at = end;
    }
    if (end < source.size() && (source[end] | 0x20) == 'e') {
      const bool sign = ++end < source.size() && (source[end] == '+' || source[end] == '-');
      std::string exponent = sign ? std::string(1, source[end++]) : "";
      const std::string power = digits(source, end, 10);
      if (!power.empty()) {
        number.digits += 'e' + (exponent == "+" ? "" : exponent) + power;
        number.is_float = true;
        at = end;
      }
    }
  }
  number.size = at;
  return number;
}

}  // namespace charter::model::jinja
