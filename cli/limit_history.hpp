// What became of the run's limits (metrics/limits.hpp), from its policy versions: for the report's
// notes, `charter status` and the line at the end of the rl stage.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "metrics/limits.hpp"
#include "store/ledger.hpp"

namespace charter::cli {

// One state a limit that the run looks at, after the newest surviving version.
[[nodiscard]] std::vector<metrics::LimitState> limit_history(const store::Ledger& ledger);

// A sentence for each limit that was exceeded at any version; nothing for a healthy run.
[[nodiscard]] std::vector<std::string> limit_notes(const store::Ledger& ledger);

// "kl since version 2, entropy since version 3": those exceeded at the newest version; "" for none.
[[nodiscard]] std::string limits_exceeded(const store::Ledger& ledger);

// [{"limit", "state", "value", "unit", "since_version", "worst", "worst_version", "bounds"}]: state
// is "within", "exceeded" or "not measured"; value is null in the last.
[[nodiscard]] nlohmann::ordered_json limits_json(const store::Ledger& ledger);

}  // namespace charter::cli
