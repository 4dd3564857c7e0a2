#include "report/table.hpp"

#include <stdexcept>

#include "report/text.hpp"

namespace charter::report {
namespace {

std::string cell(const char* tag, const std::string& css_class, const std::string& html) {
  std::string out = std::string("<") + tag;
  if (!css_class.empty()) out += " class=\"" + css_class + "\"";
  return out + ">" + html + "</" + tag + ">";
}

}  // namespace

std::string html_table(const std::vector<Column>& columns,
                       const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "<p class=\"nodata\">no data</p>\n";
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const Column& column : columns) {
    out += cell("th", column.css_class, escape_html(column.head));
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    if (row.size() != columns.size()) {
      throw std::invalid_argument("rows: a row of " + std::to_string(row.size()) +
                                  " cells, expected " + std::to_string(columns.size()));
    }
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) out += cell("td", columns[i].css_class, row[i]);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace charter::report
