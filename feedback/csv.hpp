// Quoted CSV (RFC 4180): fields in double quotes may hold commas, newlines and doubled quotes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charter::feedback {

struct CsvRow {
  std::int64_t line = 0;  // on which the row begins, from 1
  std::vector<std::string> fields;
};

struct CsvTable {
  std::int64_t line = 1;             // of the header
  std::vector<std::string> columns;  // trimmed header
  std::vector<CsvRow> rows;          // each has as many fields as the header

  // Without regard to case.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;
};

// Lines that begin with '#' before the header are comments. Throws std::runtime_error
// "FILE:LINE: ..." on an open quote at the end, a row of another width than the header, or no row.
[[nodiscard]] CsvTable parse_csv(const std::filesystem::path& file, std::string_view text);

}  // namespace charter::feedback
