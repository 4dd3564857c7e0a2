#include "feedback/json_rows.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "feedback/conversation.hpp"

namespace charter::feedback {
namespace {

// Calls seen(offset) for every byte of JSON outside strings.
template <class Seen>
void outside_strings(std::string_view text, const Seen& seen) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') {
      seen(i);
      continue;
    }
    for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
  }
}

// What reads the document goes down as deep as it is nested.
void check_depth(const std::filesystem::path& file, std::string_view text,
                 std::int64_t first_line) {
  constexpr int kDeepest = 200;
  int depth = 0;
  outside_strings(text, [&](std::size_t i) {
    depth += text[i] == '{' || text[i] == '[' ? 1 : text[i] == '}' || text[i] == ']' ? -1 : 0;
    if (depth > kDeepest)
      fail(file, first_line + line_of(text, i) - 1,
           "JSON is nested more than " + std::to_string(kDeepest) + " deep");
  });
}

// A parser makes a double of a whole number that has more than 64 bits: an id would come back as
// another.
void check_numbers(const std::filesystem::path& file, std::string_view text,
                   std::int64_t first_line) {
  std::size_t end = 0;  // of the number that was looked at last
  outside_strings(text, [&](std::size_t i) {
    const bool negative = text[i] == '-';
    if (i < end || (!negative && std::isdigit(static_cast<unsigned char>(text[i])) == 0)) return;
    end = std::min(text.find_first_not_of("+-.0123456789eE", i), text.size());
    const std::string_view number = text.substr(i, end - i);
    if (number.find_first_of(".eE") != std::string_view::npos) return;
    std::uint64_t magnitude = 0;
    const auto read = std::from_chars(number.data() + (negative ? 1 : 0),
                                      number.data() + number.size(), magnitude);
    const bool fits = read.ec != std::errc::result_out_of_range &&
                      (!negative || magnitude <= std::uint64_t{1} << 63);
    if (!fits)
      fail(file, first_line + line_of(text, i) - 1,
           "number " + std::string(number.substr(0, 40)) +
               " has more than 64 bits; write it as a text");
  });
}

const nlohmann::json& member(const JsonRow& row, const char* key) {
  const auto at = row.value.find(key);
  if (at == row.value.end()) fail(*row.file, row.line, "key '" + std::string(key) + "' is missing");
  return *at;
}

[[noreturn]] void wrong_type(const JsonRow& row, const char* key, const nlohmann::json& value,
                             const char* expected) {
  fail(*row.file, row.line,
       "key '" + std::string(key) + "' is " + described(value) + ", expected " + expected);
}

JsonRow parse_row(const std::filesystem::path& file, std::string_view text, std::int64_t line) {
  check_numbers(file, text, line);
  JsonRow row{&file, line, parse_json(file, text, line), line};
  if (!row.value.is_object()) {
    fail(file, line, "row is " + described(row.value) + ", expected an object");
  }
  return row;
}

// End of the JSON value that begins at `begin` inside an array: the top-level comma or bracket.
std::size_t element_end(std::string_view text, std::size_t begin) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (depth == 0 && (c == ',' || c == ']')) return i;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return std::string_view::npos;
}

std::vector<JsonRow> array_rows(const std::filesystem::path& file, std::string_view text,
                                std::size_t open) {
  std::vector<JsonRow> rows;
  std::size_t begin = open + 1;
  std::int64_t line = line_of(text, begin);
  while (true) {
    const std::size_t first = text.find_first_not_of(" \t\r\n", begin);
    const std::size_t end = first == std::string_view::npos ? first : element_end(text, first);
    if (end == std::string_view::npos) {
      fail(file, line_of(text, text.size()), "file ends inside the JSON array");
    }
    line += std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                       text.begin() + static_cast<std::ptrdiff_t>(first), '\n');
    if (text[first] == ']' && rows.empty()) return rows;
    rows.push_back(parse_row(file, text.substr(first, end - first), line));
    rows.back().number = static_cast<std::int64_t>(rows.size());
    if (text[end] == ']') return rows;
    line += std::count(text.begin() + static_cast<std::ptrdiff_t>(first),
                       text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    begin = end + 1;
  }
}

std::vector<JsonRow> line_rows(const std::filesystem::path& file, std::string_view text) {
  std::vector<JsonRow> rows;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (trim(line) == "{")
      fail(file, number,
           "a row ends after \"{\", expected an object a line or an array of objects");
    if (!trim(line).empty()) rows.push_back(parse_row(file, line, number));
    begin = end + 1;
  }
  return rows;
}

}  // namespace

std::string described(const nlohmann::json& value) {
  if (value.is_null()) return "null";
  return (value.is_structured() ? "an " : "a ") + std::string(value.type_name());
}

std::string JsonRow::text(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_string()) wrong_type(*this, key, value, "a string");
  return value.get<std::string>();
}

std::string JsonRow::nonempty_text(const char* key) const {
  const std::string raw = text(key);
  const std::string_view trimmed = trim(raw);
  if (trimmed.empty()) fail(*file, line, "key '" + std::string(key) + "' is empty");
  return std::string(trimmed);
}

std::string JsonRow::text_or(const char* key, const char* fallback) const {
  return has(key) ? text(key) : fallback;
}

std::int64_t JsonRow::integer(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  constexpr double kExact = 9007199254740992.0;  // 2^53: up to here a double tells whole numbers
  const double number = value.is_number() ? value.get<double>() : 0.5;
  if (value.is_number_float() && number == std::trunc(number) && std::abs(number) <= kExact)
    return static_cast<std::int64_t>(number);
  if (!value.is_number_integer()) wrong_type(*this, key, value, "an integer");
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
    fail(*file, line,
         "key '" + std::string(key) + "' is " + value.dump() + ", expected at most 2^63-1");
  return value.get<std::int64_t>();
}

bool JsonRow::boolean(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_boolean()) wrong_type(*this, key, value, "true or false");
  return value.get<bool>();
}

const nlohmann::json& JsonRow::array(const char* key) const {
  const nlohmann::json& value = member(*this, key);
  if (!value.is_array()) wrong_type(*this, key, value, "an array");
  return value;
}

std::vector<JsonRow> json_rows(const std::filesystem::path& file, std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool array = first != std::string_view::npos && text[first] == '[';
  std::vector<JsonRow> rows = array ? array_rows(file, text, first) : line_rows(file, text);
  if (rows.empty()) fail(file, 0, "holds no row");
  return rows;
}

nlohmann::json parse_json(const std::filesystem::path& file, std::string_view text,
                          std::int64_t first_line) {
  check_depth(file, text, first_line);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
    fail(file, first_line + line_of(text, offset) - 1,
         "malformed JSON at byte " + std::to_string(error.byte) + " of the row");
  } catch (const nlohmann::json::out_of_range&) {
    fail(file, first_line, "a number of the row is out of the range of a double");
  }
}

}  // namespace charter::feedback
