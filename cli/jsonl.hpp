// JSONL in for the engine's commands.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "feedback/json_rows.hpp"

namespace charter::cli {

// The rows of a JSONL file (gzip too), or of standard input for "-".
struct InputRows {
  std::filesystem::path file;  // rows point to it: neither copied nor moved
  std::vector<feedback::JsonRow> rows;

  // Throws std::runtime_error "FILE:LINE: ..." for a missing or empty file or a malformed row.
  explicit InputRows(const std::string& path);
  InputRows(const InputRows&) = delete;
  InputRows& operator=(const InputRows&) = delete;

  // Every row has a text under `key`, not empty. Throws std::runtime_error "FILE:LINE: ...": called
  // before a model is read, which takes longer.
  void require_text(const char* key) const;

  // The row's "id" as it stands, or its number from 0.
  [[nodiscard]] nlohmann::json id(size_t row) const;
  [[nodiscard]] std::string place(size_t row) const;  // "FILE:LINE"
};

// One line of JSON. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_line(const nlohmann::ordered_json& value);

}  // namespace charter::cli
