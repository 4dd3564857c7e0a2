#include "model/jinja/unicode.hpp"

#include <clocale>
#include <cwctype>
#include <stdexcept>

#include "model/jinja/text.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

// glibc has C.UTF-8 built in.
locale_t table() {
  static const locale_t kTable = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
  if (kTable == locale_t{}) throw std::runtime_error("locale C.UTF-8: not there");
  return kTable;
}

std::string utf8_of(char32_t c) {
  std::string out;
  utf8_append(out, c);
  return out;
}

bool is_ascii_letter(char32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

}  // namespace

std::string to_upper(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c >= 'a' && c <= 'z' ? c - 0x20 : c)};
  if (c == 0xdf) return "SS";
  return utf8_of(static_cast<char32_t>(::towupper_l(static_cast<wint_t>(c), table())));
}

std::string to_lower(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c >= 'A' && c <= 'Z' ? c + 0x20 : c)};
  return utf8_of(static_cast<char32_t>(::towlower_l(static_cast<wint_t>(c), table())));
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

bool is_word(char32_t c) {
  if (c < 0x80) return is_ascii_letter(c) || (c >= '0' && c <= '9') || c == '_';
  return ::iswalnum_l(static_cast<wint_t>(c), table()) != 0;
}

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c < 0x7f;
  if (is_space(c) || c == 0xad) return false;
  const bool format = (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
                      (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
  const bool reserved = (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xfff0 && c <= 0xfffb) ||
                        (c & 0xfffe) == 0xfffe || c >= 0xe0000;
  return !format && !reserved && ::iswprint_l(static_cast<wint_t>(c), table()) != 0;
}

bool is_class(char32_t c, Class kind) {
  const auto wide = static_cast<wint_t>(c);
  switch (kind) {
    case Class::kAlpha:
      return c < 0x80 ? is_ascii_letter(c)
                      : ::iswalpha_l(wide, table()) != 0 && ::iswdigit_l(wide, table()) == 0;
    case Class::kDigit:
      return c >= '0' && c <= '9';
    case Class::kAlnum:
      return is_word(c) && c != '_';
    case Class::kUpper:
      return ::iswupper_l(wide, table()) != 0;
    case Class::kLower:
      return ::iswlower_l(wide, table()) != 0;
  }
  return false;
}

}  // namespace charter::model::jinja
