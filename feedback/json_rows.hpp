// Rows of JSON in data files, with errors that name file, line and key. Used by the loaders of this
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/text_file.hpp"

namespace charter::feedback {

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
  [[nodiscard]] std::int64_t integer(const char* key) const;  // 3.0 is one too
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] const nlohmann::json& array(const char* key) const;
  // A null is as absent.
  [[nodiscard]] bool has(const char* key) const {
    const auto at = value.find(key);
    return at != value.end() && !at->is_null();
  }
};

// What a value is, for a message: "null", "a number", "an object".
[[nodiscard]] std::string described(const nlohmann::json& value);

// Rows of a JSONL text (blank lines are ignored) or of a JSON array of objects, told apart by the
// first byte. Throws if there is no row, a row is not an object or holds a whole number of more
// than 64 bits, or the JSON is malformed. The rows point to `file`, which must outlive them.
[[nodiscard]] std::vector<JsonRow> json_rows(const std::filesystem::path& file,
                                             std::string_view text);

// A JSON document; throws "FILE:LINE: ..." for what is malformed or nested more than 200 deep.
[[nodiscard]] nlohmann::json parse_json(const std::filesystem::path& file, std::string_view text,
                                        std::int64_t first_line = 1);

}  // namespace charter::feedback
