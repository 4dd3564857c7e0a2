#include "metrics/quantities.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "metrics/limits.hpp"
#include "metrics/process_collector.hpp"
#include "tests/metrics/all_metrics.hpp"

namespace charter::metrics {
namespace {

using nlohmann::json;

std::vector<prometheus::MetricFamily> all_families() {
  prometheus::Registry registry;
  AllMetrics all(registry, {{"run", "r"}, {"actor", "a"}});
  auto families = registry.Collect();
  for (auto& family : ProcessCollector({}).Collect()) families.push_back(std::move(family));
  return families;
}

TEST(Quantities, HaveARowForEveryMetricAndNoneForAnotherOne) {
  std::set<std::string> served;
  for (const auto& family : all_families()) {
    const std::string name = family.name.substr(std::string("charter_").size());
    EXPECT_NO_THROW((void)unit_of_metric(name)) << name;
    served.insert(name);
  }
  for (const Quantity& row : quantities())
    EXPECT_TRUE(row.metric.empty() || served.contains(std::string(row.metric))) << row.metric;
  EXPECT_THROW((void)unit_of_metric("nobody"), std::invalid_argument);
  EXPECT_THROW((void)unit_of_stat("sl", "kl_k1"), std::invalid_argument);
}

TEST(Quantities, AgreeWithTheNamesOfTheirMetrics) {
  const std::pair<const char*, Unit> endings[] = {{"_timestamp_seconds", Unit::kUnixSeconds},
                                                  {"_seconds", Unit::kSeconds},
                                                  {"_bytes", Unit::kBytes},
                                                  {"_tokens", Unit::kTokens},
                                                  {"_ratio", Unit::kRatio},
                                                  {"_versions", Unit::kVersions}};
  for (const Quantity& row : quantities()) {
    std::string name(row.metric.empty() ? row.stat : row.metric);
    if (name.ends_with("_total")) name.resize(name.size() - 6);
    for (const auto& [ending, unit] : endings) {
      if (!name.ends_with(ending)) continue;
      EXPECT_EQ(row.unit, unit) << name;
      break;
    }
  }
}

TEST(Quantities, OfOneNameHaveOneUnit) {
  std::map<std::string_view, Unit> metrics;
  std::map<std::string, Unit> stats;
  for (const Quantity& row : quantities()) {
    if (!row.metric.empty()) {
      EXPECT_EQ(metrics.emplace(row.metric, row.unit).first->second, row.unit) << row.metric;
    }
    if (row.stat.empty()) continue;
    const auto key = std::string(row.model) + "." + std::string(row.stat);
    EXPECT_TRUE(stats.emplace(key, row.unit).second) << key << " has two rows";
  }
}

TEST(Quantities, UnitsStandInTheHelpTextsOnce) {
  for (const auto& family : all_families()) {
    const auto unit = text(unit_of_metric(family.name.substr(std::string("charter_").size())));
    EXPECT_TRUE(unit.empty() || family.help.ends_with(" In " + std::string(unit) + "."))
        << family.help;
    // No text has a unit of its own beside the row's.
    const std::string before = family.help.substr(0, family.help.rfind(" In "));
    EXPECT_EQ(before.find("nats"), std::string::npos) << family.help;
  }
  EXPECT_EQ(text(unit_of_metric("kl_to_ref")), "nats/response");
  EXPECT_EQ(text(unit_of_metric("entropy")), "nats/token");
}

// ---- The dashboard ----

std::string base_name(const std::string& name) {
  static const std::string kPrefix = "charter_";
  std::string metric = name.substr(kPrefix.size());
  for (const Quantity& row : quantities())
    if (row.metric == metric) return metric;
  return std::regex_replace(metric, std::regex("_(bucket|sum|count)$"), "");
}

std::string per_second(const std::string& metric) {
  switch (unit_of_metric(metric)) {
    case Unit::kTokens:
      return "suffix: tokens/s";
    case Unit::kSeconds:  // of all threads, or a share of one's time
      return metric.starts_with("process_") ? "suffix: cores" : "percentunit";
    default:
      return "suffix: /s";
  }
}

// What Grafana must show an expression in.
std::string unit_of_expression(const std::string& expr) {
  std::set<std::string> metrics;
  const std::regex name("charter_\\w+");
  std::string first;
  for (auto it = std::sregex_iterator(expr.begin(), expr.end(), name); it != std::sregex_iterator();
       ++it) {
    if (first.empty()) first = it->str();
    metrics.insert(base_name(it->str()));
  }
  const std::string metric = base_name(first);
  const std::string unit(grafana(unit_of_metric(metric)));
  const auto has = [&expr](const char* part) { return expr.find(part) != std::string::npos; };
  if (has(" / ")) return metrics.size() == 1 && first.ends_with("_sum") ? unit : "percentunit";
  if (has("histogram_quantile")) return unit;
  if (expr.starts_with("time() - ")) return "s";
  if (has("increase(")) return "short";  // how many
  if (has("rate(")) return per_second(metric);
  return unit;
}

std::string shown_unit(const json& panel, const std::string& legend) {
  std::string unit = panel["fieldConfig"]["defaults"].value("unit", "");
  for (const auto& rule : panel["fieldConfig"]["overrides"]) {
    if (rule["matcher"]["options"] != legend) continue;
    for (const auto& property : rule["properties"])
      if (property["id"] == "unit") unit = property["value"];
  }
  return unit == "sci" ? "short" : unit;  // a pure number in another notation
}

json dashboard() {
  std::ifstream file(std::string(CHARTER_SOURCE_DIR) + "/metrics/grafana/charter.json");
  return json::parse(file);
}

TEST(Dashboard, ShowsEveryNumberInItsUnit) {
  int checked = 0;
  const json board = dashboard();
  for (const auto& panel : board["panels"]) {
    if (panel["type"] == "row") continue;
    for (const auto& target : panel["targets"]) {
      const std::string expr = target["expr"], legend = target["legendFormat"];
      EXPECT_EQ(shown_unit(panel, legend), unit_of_expression(expr))
          << panel["title"] << ", " << legend;
      ++checked;
      if (panel["type"] != "heatmap") continue;
      std::smatch found;
      ASSERT_TRUE(std::regex_search(expr, found, std::regex("charter_\\w+")));
      EXPECT_EQ(panel["options"]["yAxis"]["unit"].get<std::string>(),
                grafana(unit_of_metric(base_name(found.str()))))
          << panel["title"];
    }
  }
  EXPECT_GT(checked, 70);
}

// A red line is the limit's; no text of a panel has a unit of likelihoods that it could contradict.
TEST(Dashboard, DrawsTheLimitsOfTheTable) {
  int drawn = 0;
  const json board = dashboard();
  for (const auto& panel : board["panels"]) {
    for (const char* key : {"title", "description"}) {
      const std::string text = panel.value(key, "");
      EXPECT_FALSE(std::regex_search(text, std::regex("[Nn]ats"))) << text;
    }
    if (panel["type"] == "row" || !panel["fieldConfig"]["defaults"].contains("thresholds"))
      continue;
    const std::string expr = panel["targets"][0]["expr"];
    for (const Limit& row : limits()) {
      if (!std::regex_search(expr, std::regex("charter_" + std::string(row.metric) + "\\b")))
        continue;
      const auto& steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"];
      EXPECT_EQ(steps.back()["value"].get<double>(), row.high) << panel["title"];
      ++drawn;
    }
  }
  EXPECT_EQ(drawn, 3);
}

}  // namespace
}  // namespace charter::metrics
