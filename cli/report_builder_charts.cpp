#include <algorithm>
#include <cmath>

#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"

namespace charter::cli {
namespace {

struct Line {
  const char* name;
  const char* key;  // in the version's statistics
};

report::Series series(const std::string& name, const std::vector<VersionStats>& versions,
                      const char* key) {
  report::Series out{.name = name, .points = {}};
  for (const auto& v : versions) {
    out.points.emplace_back(static_cast<double>(v.version), v.number(key));
  }
  return out;
}

bool has_numbers(const report::Series& line) {
  return std::any_of(line.points.begin(), line.points.end(),
                     [](const auto& point) { return std::isfinite(point.second); });
}

// Lines without a number are left out, and so is a chart without lines.
void add_chart(std::vector<report::Chart>& charts, report::Chart chart) {
  std::erase_if(chart.series, [](const report::Series& line) { return !has_numbers(line); });
  if (!chart.series.empty()) charts.push_back(std::move(chart));
}

struct PolicyChart {
  const char* title;
  const char* unit;
  const char* note;
  std::vector<Line> lines;
};

const std::vector<PolicyChart>& policy_charts() {
  static const std::vector<PolicyChart> charts{
      {"Reward",
       "",
       "PM score of the trained batch, raw log-odds; with the KL penalty it is what PPO raises.",
       {{"PM score", "reward_mean"}, {"PM score - KL penalty", "rlhf_reward_mean"}}},
      {"KL to SL-CAI",
       "nats/token",
       "How far the policy has moved; k1 may be negative on a batch, k3 never is.",
       {{"k1", "kl_k1"}, {"k3", "kl_k3"}}},
      {"Entropy",
       "nats/token",
       "Falls as the policy becomes surer; near 0 it has collapsed.",
       {{"entropy", "entropy"}}},
      {"Policy loss",
       "",
       "PPO's clipped objective; its level says little, jumps say much.",
       {{"policy loss", "policy_loss"}}},
      {"Value loss", "", "Error of the predicted return.", {{"value loss", "value_loss"}}},
      {"Explained variance",
       "",
       "Of the returns by the value head: 1 is perfect, below 0 harms.",
       {{"explained variance", "explained_variance"}}},
      {"Staleness",
       "versions",
       "Versions between a trajectory's policy and the one trained.",
       {{"mean", "staleness_mean"}, {"greatest", "staleness_max"}}},
      {"Response length",
       "tokens",
       "Mean of the batch; a drift often is a way to game the PM.",
       {{"response", "response_tokens_mean"}}},
      {"Finished responses",
       "",
       "Share ended by the policy itself, not by the length limit.",
       {{"finished", "finished_ratio"}}},
      {"Clipped and effective share",
       "",
       "Tokens at PPO's clip; effective sample size of the importance weights (1: on policy).",
       {{"clipped", "clip_ratio"}, {"effective samples", "importance_ess_ratio"}}}};
  return charts;
}

}  // namespace

std::vector<report::Chart> build_charts(const store::Ledger& ledger) {
  std::vector<report::Chart> charts;
  const auto sl = surviving_versions(ledger, "sl");
  add_chart(charts,
            {.title = "Supervised loss",
             .unit = "nats/token",
             .x_label = "SL update",
             .note = "On the revisions and helpful answers of each batch, before its update.",
             .series = {series("loss", sl, "loss")}});

  const auto pmp = surviving_versions(ledger, "pmp");
  const auto pm = surviving_versions(ledger, "pm");
  const auto online = surviving_versions(ledger, "pm_online");
  const auto pm_series = [&](const char* key) {
    return std::vector<report::Series>{series("pre-training", pmp, key),
                                       series("preferences", pm, key),
                                       series("online", online, key)};
  };
  add_chart(charts, {.title = "Preference model loss",
                     .unit = "nats",
                     .x_label = "PM update",
                     .note = "Of each training batch; a coin has 0.69.",
                     .series = pm_series("loss")});
  add_chart(charts, {.title = "Preference model accuracy",
                     .unit = "",
                     .x_label = "PM update",
                     .note = "Of each training batch before its update; a coin has 0.5.",
                     .series = pm_series("accuracy")});

  const auto policy = surviving_versions(ledger, "policy");
  for (const auto& [title, unit, note, lines] : policy_charts()) {
    report::Chart chart{
        .title = title, .unit = unit, .x_label = "policy version", .note = note, .series = {}};
    for (const auto& [name, key] : lines) chart.series.push_back(series(name, policy, key));
    add_chart(charts, std::move(chart));
  }
  return charts;
}

}  // namespace charter::cli
