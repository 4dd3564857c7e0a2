// HTML tables of the report: rows of cells that are already HTML.
#pragma once

#include <string>
#include <vector>

namespace charter::report {

struct Column {
  std::string head;            // plain text
  std::string css_class = "";  // "num" for numbers
};

// "no data" when there are no rows. Throws std::invalid_argument if a row has another number of
// cells than there are columns.
[[nodiscard]] std::string html_table(const std::vector<Column>& columns,
                                     const std::vector<std::vector<std::string>>& rows);

}  // namespace charter::report
