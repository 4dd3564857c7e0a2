// The sections of the report, each a piece of HTML with its heading; in the order of the page.
#pragma once

#include <string>
#include <vector>

#include "report/report_data.hpp"

namespace charter::report {

// What came out (result_sections.cpp).
[[nodiscard]] std::string evaluation_section(const ReportData& data);
[[nodiscard]] std::string samples_section(const ReportData& data);
[[nodiscard]] std::string charts_section(const ReportData& data);

// How it was made (run_sections.cpp).
[[nodiscard]] std::string judges_section(const ReportData& data);
[[nodiscard]] std::string stages_section(const ReportData& data);
[[nodiscard]] std::string versions_section(const ReportData& data);
[[nodiscard]] std::string provenance_section(const ReportData& data);
[[nodiscard]] std::string config_section(const ReportData& data);

// The judges as a table.
[[nodiscard]] std::string judges_table(const std::vector<JudgeRow>& judges);

// "61.2 % (54 to 68)" of a ratio; an en dash without one.
[[nodiscard]] std::string percent_with_interval(const std::optional<Estimate>& ratio);

}  // namespace charter::report
