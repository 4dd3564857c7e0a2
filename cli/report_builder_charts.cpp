#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "metrics/quantities.hpp"

namespace charter::cli {
namespace {

struct Line {
  const char* name;
  const char* key;  // in the version's statistics
};

std::string unit(const char* model, const char* stat) {
  return std::string(metrics::text(metrics::unit_of_stat(model, stat)));
}

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
  const char* note;
  std::vector<Line> lines;
};

const std::vector<PolicyChart>& policy_charts() {
  static const std::vector<PolicyChart> charts{
      {"Reward",
       "PM score of the trained batch, raw log-odds; with the KL penalty it is what PPO raises.",
       {{"PM score", "reward_mean"}, {"PM score - KL penalty", "rlhf_reward_mean"}}},
      {"KL to SL-CAI",
       "Summed over a response. How far the policy has moved; k1 may be negative on a batch, k3 "
       "never is.",
       {{"k1", "kl_k1"}, {"k3", "kl_k3"}}},
      {"Entropy",
       "Falls as the policy becomes surer; near 0 it has collapsed.",
       {{"entropy", "entropy"}}},
      {"Policy loss",
       "PPO's clipped objective; its level says little, jumps say much.",
       {{"policy loss", "policy_loss"}}},
      {"Value loss", "Error of the predicted return.", {{"value loss", "value_loss"}}},
      {"Explained variance",
       "Of the returns by the value head: 1 is perfect, below 0 harms.",
       {{"explained variance", "explained_variance"}}},
      {"Staleness",
       "Versions between a trajectory's policy and the one trained.",
       {{"mean", "staleness_mean"}, {"greatest", "staleness_max"}}},
      {"Response length",
       "Mean of the batch; a drift often is a way to game the PM.",
       {{"response", "response_tokens_mean"}}},
      {"Finished responses",
       "Share ended by the policy itself, not by the length limit.",
       {{"finished", "finished_ratio"}}},
      {"Clipped and effective share",
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
             .unit = unit("sl", "loss"),
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
                     .unit = unit("pm", "loss"),
                     .x_label = "PM update",
                     .note = "Of each training batch; a coin has 0.69.",
                     .series = pm_series("loss")});
  add_chart(charts, {.title = "Preference model accuracy",
                     .unit = unit("pm", "accuracy"),
                     .x_label = "PM update",
                     .note = "Of each training batch before its update; a coin has 0.5.",
                     .series = pm_series("accuracy")});

  const auto policy = surviving_versions(ledger, "policy");
  for (const auto& [title, note, lines] : policy_charts()) {
    report::Chart chart{.title = title,
                        .unit = unit("policy", lines.front().key),
                        .x_label = "policy version",
                        .note = note,
                        .series = {}};
    for (const auto& [name, key] : lines) {
      if (unit("policy", key) != chart.unit)
        throw std::invalid_argument("chart " + chart.title + ": " + key + " is in " +
                                    unit("policy", key) + ", expected " + chart.unit);
      chart.series.push_back(series(name, policy, key));
    }
    add_chart(charts, std::move(chart));
  }
  return charts;
}

}  // namespace charter::cli
