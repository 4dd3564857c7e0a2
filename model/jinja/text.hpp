// Strings of a template: UTF-8 whose bytes remember where they come from. Operations are Python's
// str, by code point; what is made of a byte keeps that byte's mark.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace charter::model::jinja {

// 0: the template's own text. Bits, since a generation block may hold a message's text.
enum Mark : uint8_t {
  kGiven = 1,       // the content of a message
  kAnswer = 2,      // ... of the assistant's
  kFinal = 4,       // ... of the last one
  kGeneration = 8,  // written within {% generation %}
};

struct Text {
  std::string bytes;    // valid UTF-8
  std::string marks;    // one of each byte, or none at all: every byte is the template's
  bool markup = false;  // made by `safe`: + escapes what is joined to it

  [[nodiscard]] size_t size() const { return bytes.size(); }
  [[nodiscard]] uint8_t mark(size_t i) const {
    return marks.empty() ? 0 : static_cast<uint8_t>(marks[i]);
  }
};

[[nodiscard]] Text marked(std::string bytes, uint8_t mark);
// Bytes [begin, end).
[[nodiscard]] Text cut(const Text& text, size_t begin, size_t end);
void append(Text& to, const Text& from);
// `count` bytes of one mark.
void append(Text& to, std::string_view bytes, uint8_t mark);

// Byte offsets of the code points, and the size at the end.
[[nodiscard]] std::vector<size_t> offsets_of(std::string_view bytes);
[[nodiscard]] size_t length_of(std::string_view bytes);  // in code points

// Linear in the haystack, whatever the needle. npos when it is not there.
[[nodiscard]] size_t find_text(std::string_view text, std::string_view needle, size_t from = 0);
[[nodiscard]] size_t find_last_text(std::string_view text, std::string_view needle);

[[nodiscard]] bool is_space(char32_t c);      // str.isspace
[[nodiscard]] bool is_word(char32_t c);       // \w of re
[[nodiscard]] bool is_printable(char32_t c);  // str.isprintable, of what is common
enum class Class { kAlpha, kDigit, kAlnum, kUpper, kLower };
[[nodiscard]] bool is_class(char32_t c, Class kind);

// `chars`: the set of code points to take off; null: white space.
[[nodiscard]] Text strip(const Text& text, const std::string* chars, bool left, bool right);

// Pieces as str.split and str.rsplit have them. `separator`: null for white space, else not empty.
// limit < 0: no limit.
[[nodiscard]] std::vector<Text> split(const Text& text, const std::string* separator,
                                      int64_t limit);
[[nodiscard]] std::vector<Text> split_last(const Text& text, const std::string* separator,
                                           int64_t limit);
[[nodiscard]] std::vector<Text> split_lines(const Text& text, bool keep_ends);

enum class Case { kUpper, kLower, kCapitalize, kTitle, kSwap };
[[nodiscard]] Text with_case(const Text& text, Case how);

}  // namespace charter::model::jinja
