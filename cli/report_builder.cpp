#include "cli/report_builder.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>

#include "actors/work.hpp"
#include "cli/limit_history.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "report/report_json.hpp"

namespace charter::cli {
namespace {

std::optional<double> positive(double seconds) {
  return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

// All stages in the order of the pipeline; those the ledger does not know are pending.
std::vector<report::StageRow> stage_rows(const store::Ledger& ledger) {
  std::vector<report::StageRow> out;
  for (const char* stage : kStages) {
    report::StageRow row{.name = stage, .state = "pending"};
    if (const auto found = ledger.stage(stage)) {
      row.planned_seconds = positive(found->planned_seconds);
      row.spent_seconds = positive(found->spent_seconds);
      row.state = store::name(found->state);
      row.reason = found->reason;
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::optional<int64_t> peak_memory(const store::Ledger& ledger) {
  std::optional<int64_t> peak;
  for (const auto& stage : ledger.stages()) {
    const auto detail = nlohmann::json::parse(stage.detail, nullptr, /*allow_exceptions=*/false);
    if (!detail.is_object() || !detail.contains("peak_pss_bytes")) continue;
    const auto& bytes = detail["peak_pss_bytes"];
    if (!bytes.is_number() || bytes.get<int64_t>() <= 0) continue;
    peak = std::max(peak.value_or(0), bytes.get<int64_t>());
  }
  return peak;
}

// Of the run's end so far; "" before anything has begun.
std::string date_of(const store::Ledger& ledger) {
  double newest = 0;
  for (const auto& stage : ledger.stages()) newest = std::max({newest, stage.started, stage.ended});
  if (newest <= 0) return {};
  const auto seconds = static_cast<std::time_t>(newest);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

std::string config_text(const config::RunConfig& config, const std::filesystem::path& run_dir) {
  std::ifstream file(run_dir / "config.toml", std::ios::binary);
  if (!file) return config::to_toml(config);
  return {std::istreambuf_iterator<char>(file), {}};
}

// How many trajectories that were trained on each policy version made.
std::vector<report::VersionCount> rollout_versions(const std::vector<VersionStats>& policy) {
  std::map<int64_t, int64_t> counts;
  for (const auto& version : policy) {
    const auto at = version.stats.find("rollout_versions");
    if (at == version.stats.end() || !at->is_array()) continue;
    for (const auto& made_by : *at) {
      if (made_by.is_number_integer()) ++counts[made_by.get<int64_t>()];
    }
  }
  std::vector<report::VersionCount> out;
  for (const auto& [version, n] : counts) out.push_back({version, n});
  return out;
}

// A number, or null for NaN and for a missing one.
nlohmann::ordered_json number(const std::vector<VersionStats>& versions, const char* key) {
  if (versions.empty()) return nullptr;
  const double value = versions.back().number(key);
  return value == value ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json stages_json(const store::Ledger& ledger) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& row : stage_rows(ledger)) {
    nlohmann::ordered_json stage{{"name", row.name}, {"state", row.state}};
    stage["planned_seconds"] = nullptr;
    stage["spent_seconds"] = nullptr;
    if (row.planned_seconds) stage["planned_seconds"] = *row.planned_seconds;
    if (row.spent_seconds) stage["spent_seconds"] = *row.spent_seconds;
    stage["reason"] = row.reason;
    out.push_back(std::move(stage));
  }
  return out;
}

nlohmann::ordered_json pm_accuracy(const store::Ledger& ledger) {
  std::map<std::string, std::pair<double, int64_t>> right;  // by purpose; half for a score tie
  for_each_body<actors::ScoreRecord>(ledger, "pm_score", "score",
                                     [&](const actors::ScoreRecord& r, const auto&) {
                                       if (r.p_first == 0.5) return;
                                       auto& [sum, n] = right[r.purpose];
                                       ++n;
                                       if (r.first == r.second)
                                         sum += 0.5;
                                       else if ((r.first > r.second) == (r.p_first > 0.5))
                                         sum += 1;
                                     });
  auto out = nlohmann::ordered_json::object();
  for (const auto& [purpose, counts] : right) {
    out[purpose] = counts.first / static_cast<double>(counts.second);
  }
  return out;
}

}  // namespace

report::ReportData build_report(const store::Ledger& ledger, const config::RunConfig& config,
                                const std::filesystem::path& run_dir) {
  report::ReportData data;
  data.run_name = config.run.name;
  data.model = model_name(config.models.base);
  data.quantization = quantization_of(config.models.base);
  data.date = date_of(ledger);
  data.config_text = config_text(config, run_dir);
  data.notes = build_warnings(ledger);
  if (data.quantization.starts_with("Q")) {
    data.notes.push_back("The model's file holds " + data.quantization +
                         " weights; they are dequantized, so the base model is that approximation "
                         "of the published one.");
  }
  data.substitutions = build_substitutions(config);
  data.label_sources = build_label_sources(ledger, data.notes);
  data.stages = stage_rows(ledger);
  data.charts = build_charts(ledger);
  data.samples = build_samples(ledger);
  data.judges = build_judges(ledger);
  data.preference_models = build_preference_models(ledger);
  auto evaluation = build_evaluation(ledger, config);
  data.evaluation_judge = std::move(evaluation.judge);
  data.evaluation = std::move(evaluation.rows);
  data.evaluation_pairs = build_evaluation_pairs(ledger);
  data.firewall_auroc = build_firewall(ledger, data.notes);
  data.peak_memory_bytes = peak_memory(ledger);
  const auto policy = surviving_versions(ledger, "policy");
  data.rollout_versions = rollout_versions(policy);
  if (!policy.empty()) data.policy_version = policy.back().version;
  data.pm_version = newest_pm_version(ledger);
  return data;
}

nlohmann::ordered_json run_status(const store::Ledger& ledger, const std::string& run_name) {
  constexpr size_t kEvents = 8;
  nlohmann::ordered_json out{{"run", run_name}, {"stages", stages_json(ledger)}};
  for (const auto& [phase, stage] : kPhases) {
    const auto counts = ledger.count_by_state(phase);
    out["phases"][phase] = {{"pending", counts.pending},
                            {"recorded", counts.recorded},
                            {"trained", counts.trained},
                            {"quarantined", counts.quarantined}};
  }
  const auto policy = surviving_versions(ledger, "policy");
  nlohmann::ordered_json versions = nlohmann::ordered_json::array();
  for (const auto& count : rollout_versions(policy)) versions.push_back(count.policy_version);
  out["policy"]["version"] = nullptr;
  if (!policy.empty()) out["policy"]["version"] = policy.back().version;
  out["policy"]["rollout_versions"] = std::move(versions);
  out["policy"]["kl_k1"] = number(policy, "kl_k1");
  out["policy"]["reward_mean"] = number(policy, "reward_mean");
  out["limits"] = limits_json(ledger);
  out["label_sources"] = nlohmann::ordered_json::array();
  std::vector<std::string> unnamed;
  for (const auto& row : build_label_sources(ledger, unnamed)) {
    out["label_sources"].emplace_back(report::to_json(row));
  }
  out["pm"]["version"] = nullptr;
  if (const auto version = newest_pm_version(ledger)) out["pm"]["version"] = *version;
  out["pm"]["accuracy"] = pm_accuracy(ledger);
  out["evaluation"]["pairs"] = nlohmann::ordered_json::array();
  for (const auto& pair : build_evaluation_pairs(ledger))
    out["evaluation"]["pairs"].emplace_back(report::to_json(pair));
  out["events"] = nlohmann::ordered_json::array();
  for (const auto& event : ledger.events(kEvents)) {
    out["events"].push_back({{"time", event.time}, {"level", event.level}, {"text", event.text}});
  }
  return out;
}

}  // namespace charter::cli
