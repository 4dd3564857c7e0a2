// Reading data files with errors that name file and line. Used by the loaders of this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace charter::feedback {

// Throws std::runtime_error "FILE:LINE: message"; without the line if it is 0.
[[noreturn]] void fail(const std::filesystem::path& file, std::int64_t line,
                       const std::string& message);

// Throws if it is a directory.
void expect_file(const std::filesystem::path& file);

// The whole file, decompressed if its name ends in .gz; a leading UTF-8 byte order mark is removed.
// Throws std::runtime_error: missing, unreadable, empty, not gzip, truncated or corrupt gzip, not
// UTF-8.
[[nodiscard]] std::string read_text(const std::filesystem::path& file);

// Offset of the first byte that is not UTF-8 (overlong forms and surrogates are not), or npos.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);

// Line (from 1) of a byte offset.
[[nodiscard]] std::int64_t line_of(std::string_view text, std::size_t offset);

// A JSON object of a file and the line it begins on.
struct JsonRow {
  const std::filesystem::path* file = nullptr;
  std::int64_t line = 0;
  nlohmann::json value;
  std::int64_t number = 0;  // its line, or in an array its position from 1: rows may share a line

  // The value of a key; each throws "FILE:LINE: key 'K' ..." if it is missing or has another type.
  [[nodiscard]] std::string text(const char* key) const;           // any string
  [[nodiscard]] std::string nonempty_text(const char* key) const;  // trimmed, not empty
  [[nodiscard]] std::string text_or(const char* key, const char* fallback) const;
  [[nodiscard]] std::int64_t integer(const char* key) const;
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] const nlohmann::json& array(const char* key) const;
  [[nodiscard]] bool has(const char* key) const { return value.contains(key); }
};

// Rows of a JSONL text (blank lines are ignored) or of a JSON array of objects, told apart by the
// first byte. Throws if there is no row, a row is not an object, or the JSON is malformed.
// The rows point to `file`, which must outlive them.
[[nodiscard]] std::vector<JsonRow> json_rows(const std::filesystem::path& file,
                                             std::string_view text);

// A JSON document; throws "FILE:LINE: ...".
[[nodiscard]] nlohmann::json parse_json(const std::filesystem::path& file, std::string_view text,
                                        std::int64_t first_line = 1);

}  // namespace charter::feedback
