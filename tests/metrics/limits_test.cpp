#include "metrics/limits.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "metrics/metrics.hpp"
#include "metrics/quantities.hpp"
#include "tests/metrics/all_metrics.hpp"

namespace charter::metrics {
namespace {

const std::string kRoot = CHARTER_SOURCE_DIR;

std::string read(const std::string& path) {
  std::ifstream file(kRoot + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const Limit& limit(std::string_view id) {
  for (const Limit& row : limits())
    if (row.id == id) return row;
  throw std::invalid_argument(std::string(id));
}

// One version's statistics; what is not named is not there.
using Stats = std::map<std::string, double, std::less<>>;

std::vector<Crossing> look(LimitWatch& watch, int64_t version, const Stats& stats) {
  return watch.look(version, [&](std::string_view stat) {
    const auto at = stats.find(stat);
    return at == stats.end() ? Limit::kNone : at->second;
  });
}

const LimitState& state(const LimitWatch& watch, std::string_view id) {
  for (const LimitState& each : watch.states())
    if (each.limit->id == id) return each;
  throw std::invalid_argument(std::string(id));
}

// What a run of a small model shows from version to version when nothing is wrong.
Stats healthy(int64_t version) {
  const double wave = (version % 2 == 0) ? 1.15 : 0.9;
  return {{"kl_k1", 0.4 * wave * static_cast<double>(version) - 0.3},
          {"entropy", 1.4 * wave},
          {"response_tokens_mean", 24 * wave},
          {"truncated_ratio", version % 3 == 0 ? 0.75 : 0.5},
          {"importance_mean", version % 2 == 0 ? 0.97 : 1.04}};
}

TEST(LimitWatch, IsSilentOnAHealthyRun) {
  LimitWatch watch;
  for (int64_t version = 1; version <= 60; ++version)
    EXPECT_TRUE(look(watch, version, healthy(version)).empty()) << version;
  for (const auto& each : watch.states()) {
    EXPECT_FALSE(each.exceeded || each.ever) << each.limit->id;
    EXPECT_FALSE(std::isnan(each.value)) << each.limit->id;  // each was measured
  }
}

// The numbers of a run at learning rate 1: KL -481, entropy 10 to 0.4, importance mean 2e-9.
TEST(LimitWatch, TellsAnExplosionOnceForEachLimitAndNotForEachVersion) {
  LimitWatch watch;
  std::map<std::string_view, int> told;
  const auto take = [&](int64_t version, const Stats& stats) {
    for (const auto& crossing : look(watch, version, stats)) {
      EXPECT_TRUE(crossing.state.exceeded);
      ++told[crossing.state.limit->id];
    }
  };
  take(1, {{"kl_k1", 0}, {"entropy", 10}, {"importance_mean", 1}});
  EXPECT_TRUE(told.empty());
  const Stats exploded{{"kl_k1", -481}, {"entropy", 0.4}, {"importance_mean", 2e-9}};
  take(2, exploded);
  EXPECT_EQ(told, (std::map<std::string_view, int>{{"kl", 1}}));
  for (int64_t version = 3; version <= 40; ++version) take(version, exploded);
  EXPECT_EQ(told, (std::map<std::string_view, int>{{"kl", 1}, {"entropy", 1}, {"importance", 1}}));
  EXPECT_EQ(state(watch, "entropy").since, 2);
  EXPECT_EQ(state(watch, "entropy").start, 10);
}

TEST(LimitWatch, CountsVersionsInARowBothWays) {
  LimitWatch watch;
  const auto entropy = [&](int64_t version, double value) {
    return look(watch, version, {{"entropy", value}}).size();
  };
  EXPECT_EQ(entropy(1, 1.0), 0u);
  EXPECT_EQ(entropy(2, 0.05), 0u);  // one version is noise
  EXPECT_EQ(entropy(3, 1.0), 0u);
  EXPECT_EQ(entropy(4, 0.05), 0u);
  EXPECT_EQ(entropy(5, 0.04), 1u);
  EXPECT_EQ(state(watch, "entropy").since, 4);
  EXPECT_EQ(state(watch, "entropy").worst, 0.04);
  EXPECT_EQ(state(watch, "entropy").worst_version, 5);
  EXPECT_EQ(entropy(6, 1.0), 0u);  // and so is one within
  EXPECT_EQ(entropy(7, 0.05), 0u);
  EXPECT_TRUE(state(watch, "entropy").exceeded);
  EXPECT_EQ(state(watch, "entropy").since, 4);
  EXPECT_EQ(entropy(8, 1.0), 0u);
  EXPECT_EQ(entropy(9, 1.0), 1u);
  EXPECT_FALSE(state(watch, "entropy").exceeded);
  EXPECT_TRUE(state(watch, "entropy").ever);
  EXPECT_EQ(state(watch, "entropy").since, 8);
}

TEST(LimitWatch, ANumberTakenFromNothingNeitherFiresNorEndsAnything) {
  LimitWatch watch;
  for (int64_t version = 1; version <= 5; ++version)
    EXPECT_TRUE(look(watch, version, {{"kl_k1", Limit::kNone}}).empty());
  EXPECT_TRUE(std::isnan(state(watch, "kl").value));
  EXPECT_EQ(look(watch, 6, {{"kl_k1", 80}}).size(), 1u);
  EXPECT_TRUE(look(watch, 7, {}).empty());
  EXPECT_TRUE(state(watch, "kl").exceeded);
  EXPECT_EQ(state(watch, "kl").value, 80);
  // Between two versions beyond a bound it does not break the row.
  (void)look(watch, 8, {{"importance_mean", 3}});
  (void)look(watch, 9, {});
  EXPECT_EQ(look(watch, 10, {{"importance_mean", 3}}).size(), 1u);
  // What is infinite is beyond every bound.
  LimitWatch other;
  EXPECT_EQ(look(other, 1, {{"kl_k1", std::numeric_limits<double>::infinity()}}).size(), 1u);
}

TEST(LimitWatch, StartBoundsAreOfTheFirstVersionThatHasANumber) {
  LimitWatch watch;
  (void)look(watch, 1, {});
  (void)look(watch, 2, {{"entropy", 10.5}, {"truncated_ratio", 0.2}});
  for (int64_t version = 3; version <= 4; ++version)
    EXPECT_TRUE(look(watch, version, {{"entropy", 3.2}, {"truncated_ratio", 0.7}}).empty());
  // 0.3 * 10.5 = 3.15; 0.2 + 0.5 = 0.7.
  (void)look(watch, 5, {{"entropy", 3.1}, {"truncated_ratio", 0.71}});
  EXPECT_EQ(look(watch, 6, {{"entropy", 3.1}, {"truncated_ratio", 0.71}}).size(), 1u);
  EXPECT_EQ(look(watch, 7, {{"truncated_ratio", 0.71}}).size(), 1u);
  // A start of 0 has no multiples.
  LimitWatch zero;
  for (int64_t version = 1; version <= 4; ++version)
    EXPECT_TRUE(look(zero, version, {{"response_tokens_mean", version == 1 ? 0.0 : 20.0}}).empty());
}

TEST(LimitWatch, PassesOverAVersionThatComesTwice) {
  LimitWatch watch;
  EXPECT_TRUE(look(watch, 1, {{"importance_mean", 2}}).empty());
  EXPECT_TRUE(look(watch, 1, {{"importance_mean", 2}}).empty());
  EXPECT_EQ(look(watch, 2, {{"importance_mean", 2}}).size(), 1u);
}

TEST(LimitText, NamesValueUnitBoundsAndWhatToDo) {
  LimitWatch watch;
  const auto crossings = look(watch, 3, {{"kl_k1", -481.3}});
  ASSERT_EQ(crossings.size(), 1u);
  EXPECT_EQ(text(crossings[0]),
            "limit kl: KL to SL-CAI is -481 nats/response at policy version 3, outside -10 to 50: "
            "the policy has left its reference, or is not the one that wrote the responses. Lower "
            "rl.learning_rate or raise rl.kl_coef.");
  const auto over = look(watch, 4, {{"kl_k1", 1.5}});
  ASSERT_EQ(over.size(), 1u);
  EXPECT_EQ(text(over[0]),
            "limit kl: KL to SL-CAI is 1.5 nats/response at policy version 4, within its limit "
            "again");
  EXPECT_EQ(bounds_text(limit("entropy")),
            "below 0.1 or outside 0.3 to 3 times its start for 2 versions");
  EXPECT_EQ(bounds_text(limit("truncation")), "more than 0.5 above its start for 3 versions");
  EXPECT_EQ(bounds_text(limit("importance_ess")), "below 0.3");
}

TEST(Limits, AreRowsThatCanBeEvaluated) {
  std::set<std::string_view> ids, alerts;
  for (const Limit& row : limits()) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_TRUE(alerts.insert(row.alert).second) << row.alert;
    EXPECT_FALSE(bounds_text(row).empty()) << row.id;
    EXPECT_GE(row.versions, 1) << row.id;
    // Without a statistic Prometheus alone looks, which knows no start and counts no versions.
    if (row.stat.empty())
      EXPECT_TRUE(std::isnan(row.low_of_start) && std::isnan(row.high_of_start) &&
                  std::isnan(row.high_over_start) && row.versions == 1)
          << row.id;
    else
      EXPECT_EQ(unit_of_stat("policy", row.stat), unit_of_metric(row.metric)) << row.id;
  }
}

TEST(Limits, StandInTheHelpTextsOfTheirMetrics) {
  prometheus::Registry registry;
  AllMetrics all(registry, {{"run", "r"}, {"actor", "a"}});
  std::map<std::string, std::string> help;
  for (const auto& family : registry.Collect()) help[family.name] = family.help;
  for (const Limit& row : limits()) {
    const auto& text = help["charter_" + std::string(row.metric)];
    EXPECT_NE(text.find("Worry " + bounds_text(row)), std::string::npos) << row.id << ": " << text;
  }
}

// scripts/alerts.sh writes it.
TEST(Limits, AreTheRulesOfPrometheus) {
  const std::string rules = read("metrics/prometheus/alerts.yml");
  const std::string marker =
      "# Written by scripts/alerts.sh from the rows of metrics/limits.cpp.\n";
  const auto at = rules.find(marker);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(rules.substr(at + marker.size()), alert_rules());
  // No rule by hand looks at a number that has a row.
  for (const Limit& row : limits())
    EXPECT_FALSE(std::regex_search(rules.substr(0, at),
                                   std::regex("charter_" + std::string(row.metric) + "\\b")))
        << row.id;
}

// The numbers that rules by hand share with help texts, which no row can express.
TEST(Limits, RulesByHandAgreeWithTheHelpTexts) {
  struct Shared {
    const char *rule, *metric, *help;
  };
  const Shared shared[] = {
      {"charter_last_step_timestamp_seconds > 600", "last_step_timestamp_seconds", "10 minutes"},
      {"last_success_timestamp_seconds > 1800", "checkpoint_last_success_timestamp_seconds",
       "30 minutes"},
      {"(increase(charter_actor_restarts_total[1h])) > 3", "actor_restarts_total",
       "above 3 an hour"},
      {"charter_pm_ece_ratio > 0.1 ", "pm_ece_ratio", "above 0.1"},
      {"(increase(charter_connections_refused_total[10m])) > 10", "connections_refused_total",
       "above 10 in ten minutes"},
      {"(charter_feedback_requests_total[5m])) > 0.05", "feedback_requests_total", "exceeds 5 %"},
  };
  prometheus::Registry registry;
  AllMetrics all(registry, {{"run", "r"}, {"actor", "a"}});
  const std::string rules = read("metrics/prometheus/alerts.yml");
  for (const auto& [rule, metric, phrase] : shared) {
    EXPECT_NE(rules.find(rule), std::string::npos) << rule;
    for (const auto& family : registry.Collect()) {
      if (family.name != "charter_" + std::string(metric)) continue;
      EXPECT_NE(family.help.find(phrase), std::string::npos) << family.help;
    }
  }
}

// A line of the manual that names a metric with a limit says the limit as the row does.
TEST(Limits, StandInTheManualAsInTheirRows) {
  std::istringstream manual(read("docs/operations.md"));
  int found = 0;
  for (std::string line; std::getline(manual, line);)
    for (const Limit& row : limits()) {
      const std::string name = "charter_" + std::string(row.metric) + "`";
      if (!line.starts_with("|") || line.find(name) == std::string::npos) continue;
      EXPECT_NE(line.find(bounds_text(row)), std::string::npos) << line;
      ++found;
    }
  EXPECT_GE(found, 4);
}

TEST(LimitMetrics, AreNanUntilTheFirstValueThenZeroOrOne) {
  prometheus::Registry registry;
  const auto metrics = LimitMetrics::make(registry, {});
  LimitWatch watch;
  const auto show = [&] {
    for (const auto& each : watch.states()) metrics.show(each);
  };
  show();
  EXPECT_TRUE(std::isnan(metrics.exceeded.at("kl")->Value()));
  (void)look(watch, 1, {{"kl_k1", 0.2}});
  show();
  EXPECT_EQ(metrics.exceeded.at("kl")->Value(), 0);
  EXPECT_TRUE(std::isnan(metrics.exceeded.at("entropy")->Value()));
  (void)look(watch, 2, {{"kl_k1", 51}});
  show();
  EXPECT_EQ(metrics.exceeded.at("kl")->Value(), 1);
}

}  // namespace
}  // namespace charter::metrics
