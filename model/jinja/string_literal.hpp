// Literals within a tag.
#pragma once
#include <string>
#include <string_view>

namespace charter::model::jinja {

// The value of a string between its quotes: Python's escapes; an unknown one stays as it is.
// Refuses \N{...} and code points that do not exist.
[[nodiscard]] std::string string_of_literal(std::string_view source, int line);

struct NumberLiteral {
  std::string digits;  // without underscores; an integer's in decimal
  bool is_float = false;
  size_t size = 0;  // bytes of the source
};
// The number at the front of `source`. After a dot ("messages.0.1") it is an integer.
[[nodiscard]] NumberLiteral number_of_literal(std::string_view source, bool after_dot, int line);

}  // namespace charter::model::jinja
