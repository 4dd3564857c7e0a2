// The report of a run as one HTML file: inline style and SVG, no script, nothing loaded from
// elsewhere.
#pragma once

#include <string>

#include "report/report_data.hpp"

namespace charter::report {

// Every text of data is escaped; every empty part says "no data".
[[nodiscard]] std::string render_html(const ReportData& data);

}  // namespace charter::report
