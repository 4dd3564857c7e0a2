// Text into HTML: escaping, and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace charter::report {

// Valid UTF-8: every malformed byte and every control character but \n and \t becomes U+FFFD.
// Answers of a byte-level tokenizer may be cut inside a character.
[[nodiscard]] std::string clean_utf8(std::string_view text);

// clean_utf8 with & < > " ' as entities: safe as element text and inside a quoted attribute.
[[nodiscard]] std::string escape_html(std::string_view text);

// Fixed decimals, U+2212 as the minus sign; NaN gives an en dash.
[[nodiscard]] std::string format_number(double value, int decimals);

// 1234567 -> "1,234,567".
[[nodiscard]] std::string format_count(int64_t value);

// 7.25 -> "7.2 s", 75 -> "1 min 15 s", 7260 -> "2 h 1 min".
[[nodiscard]] std::string format_duration(double seconds);

// 1610612736 -> "1.50 GiB".
[[nodiscard]] std::string format_bytes(int64_t bytes);

}  // namespace charter::report
