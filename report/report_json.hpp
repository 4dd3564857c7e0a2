// The report's data as JSON, for `charter report --json` and scripts: same names as
// report_data.hpp; no data is null or an empty array.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "report/report_data.hpp"

namespace charter::report {

// Parts that `charter status --json` shows too.
[[nodiscard]] nlohmann::json to_json(const EvaluationPair& pair);
[[nodiscard]] nlohmann::json to_json(const LabelSource& source);

// Strings are made valid UTF-8, NaN becomes null: dump() of the result does not throw.
[[nodiscard]] nlohmann::json to_json(const ReportData& data);

}  // namespace charter::report
