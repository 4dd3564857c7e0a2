#include "cli/jsonl.hpp"

#include <iostream>
#include <iterator>
#include <stdexcept>

namespace charter::cli {

InputRows::InputRows(const std::string& path) : file(path == "-" ? "standard input" : path) {
  const std::string text =
      path == "-"
          ? feedback::text_of_bytes(file, std::string(std::istreambuf_iterator<char>(std::cin), {}))
          : feedback::read_text(file);
  rows = feedback::json_rows(file, text);
}

void InputRows::require_text(const char* key) const {
  for (const feedback::JsonRow& row : rows) {
    if (row.text(key).empty()) {
      feedback::fail(file, row.line, "key '" + std::string(key) + "' is empty");
    }
  }
}

nlohmann::json InputRows::id(size_t row) const {
  const auto found = rows[row].value.find("id");
  return found == rows[row].value.end() ? nlohmann::json(row) : *found;
}

std::string InputRows::place(size_t row) const {
  return file.string() + ":" + std::to_string(rows[row].line);
}

std::string json_line(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace charter::cli
