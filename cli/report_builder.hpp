// Fills the report of a run from its ledger and configuration. Nothing is recomputed with a model:
// the records of the stages are all there is. A stage that has not run leaves its parts empty.
//
// What counts how: accuracies carry Wilson intervals, Elo ratings bootstrap intervals over the
// comparisons. In the evaluation a comparison is a win for the answer its judge prefers, as the
// paper's crowdworkers choose one; the judge's confidence does not enter, so that a judge's scale
// cannot stretch the ratings. The anchor is sl_cai, else base.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "config/run_config.hpp"
#include "report/report_data.hpp"
#include "store/ledger.hpp"

namespace charter::cli {

// run_dir: of the run; its config.toml is shown as it stands, else the configuration given. Throws
// std::runtime_error, one line naming stage and work item, for a record that is not what its stage
// writes, and store::LedgerError when the ledger cannot be read.
[[nodiscard]] report::ReportData build_report(const store::Ledger& ledger,
                                              const config::RunConfig& config,
                                              const std::filesystem::path& run_dir);

// Where a run stands, also while it goes on: {"run", "stages": [{"name", "state",
// "planned_seconds", "spent_seconds", "reason"}], "phases": {name: {"pending", "recorded",
// "trained", "quarantined"}}, "policy": {"version", "rollout_versions", "kl_k1", "reward_mean"},
// "limits": as limits_json(), "label_sources": [{"data", "human", "ai", "authored"}], "pm":
// {"version", "accuracy": {purpose: ratio}}, "events": [{"time", "level", "text"}]}. What does not
// exist is null or empty. Throws as build_report.
[[nodiscard]] nlohmann::ordered_json run_status(const store::Ledger& ledger,
                                                const std::string& run_name);

}  // namespace charter::cli
