// Properties and case of code points, from the C library's table of UTF-8 whatever the process's
// locale.
#pragma once
#include <string>

namespace charter::model::jinja {

// UTF-8 of the code point in the other case: itself where it has none, "SS" for a sharp s.
[[nodiscard]] std::string to_upper(char32_t c);
[[nodiscard]] std::string to_lower(char32_t c);

}  // namespace charter::model::jinja
