#include "metrics/metrics.hpp"

#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <cmath>
#include <set>

#include "tests/metrics/all_metrics.hpp"

namespace charter::metrics {
namespace {

const prometheus::Labels kLabels = {{"run", "r"}, {"actor", "a"}};

double sum_of(const prometheus::Registry& registry, const std::string& name) {
  double sum = 0;
  for (const auto& family : registry.Collect()) {
    if (family.name != name) continue;
    for (const auto& metric : family.metric) sum += metric.counter.value + metric.gauge.value;
  }
  return sum;
}

TEST(MetricNames, FollowPrometheusConventions) {
  prometheus::Registry registry;
  AllMetrics all(registry, kLabels);
  const auto families = registry.Collect();
  EXPECT_GT(families.size(), 70u);
  for (const auto& family : families) {
    const bool counter = family.type == prometheus::MetricType::Counter;
    EXPECT_TRUE(family.name.starts_with("charter_")) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), counter) << family.name;
    for (const char* unit : {"_ms", "_percent", "_mb", "_gib", "_minutes"}) {
      EXPECT_FALSE(family.name.ends_with(unit)) << family.name << ": not a base unit";
    }
  }
}

TEST(MetricHelp, SaysWhenToWorry) {
  prometheus::Registry registry;
  AllMetrics all(registry, kLabels);
  for (const auto& family : registry.Collect()) {
    EXPECT_NE(family.help.find("Worry "), std::string::npos) << family.name << ": " << family.help;
  }
}

TEST(MetricLabels, AreTheFewBoundedOnes) {
  const std::set<std::string> allowed = {
      "run",  "actor", "stage", "state", "kind",  "reason", "split", "estimator", "outcome",
      "type", "dir",   "link",  "queue", "model", "role",   "cause", "principle", "limit"};
  prometheus::Registry registry;
  AllMetrics all(registry, kLabels);
  for (const auto& family : registry.Collect()) {
    EXPECT_LE(family.metric.size(), 24u) << family.name << ": too many series for one actor";
    for (const auto& metric : family.metric) {
      std::set<std::string> names;
      for (const auto& label : metric.label) {
        names.insert(label.name);
        EXPECT_TRUE(allowed.contains(label.name)) << family.name << "{" << label.name << "}";
      }
      EXPECT_TRUE(names.contains("run") && names.contains("actor")) << family.name;
    }
  }
}

TEST(MetricStructs, OfTwoActorsShareFamiliesAndCountApart) {
  prometheus::Registry registry;
  auto first = RolloutMetrics::make(registry, {{"run", "r"}, {"actor", "rollout-0"}});
  auto second = RolloutMetrics::make(registry, {{"run", "r"}, {"actor", "rollout-1"}});
  first.critiques.Increment(2);
  second.critiques.Increment(3);
  EXPECT_DOUBLE_EQ(first.critiques.Value(), 2);
  EXPECT_DOUBLE_EQ(sum_of(registry, "charter_critique_total"), 5);  // 2 + 3
}

TEST(MetricStructs, MeasurementsAreNanUntilMeasured) {
  prometheus::Registry registry;
  auto learner = LearnerMetrics::make(registry, kLabels);
  EXPECT_TRUE(std::isnan(learner.batch.reward_mean.Value()));
  EXPECT_EQ(learner.policy_version.Value(), 0);
  learner.batch.reward_mean.Set(0.25);
  EXPECT_EQ(learner.batch.reward_mean.Value(), 0.25);
}

TEST(LabelledCounters, CountUnknownValuesAsOther) {
  prometheus::Registry registry;
  const std::vector<std::string> ids = {"honest", "harmless"};
  auto feedback = FeedbackMetrics::make(registry, kLabels, ids);
  feedback.principle_used["honest"].Increment();
  for (int i = 0; i < 100; ++i) {
    feedback.principle_used["from-a-peer-" + std::to_string(i)].Increment();
  }
  EXPECT_EQ(feedback.principle_used["honest"].Value(), 1);
  EXPECT_EQ(feedback.principle_used["other"].Value(), 100);
  for (const auto& family : registry.Collect()) {
    if (family.name != "charter_principle_used_total") continue;
    EXPECT_EQ(family.metric.size(), 3u);  // honest, harmless, other
  }
}

TEST(Staleness, BucketsIncludeTheirUpperBound) {
  prometheus::Registry registry;
  auto replay = ReplayMetrics::make(registry, kLabels);
  replay.sample_staleness_versions.Observe(0);
  replay.sample_staleness_versions.Observe(1);
  replay.sample_staleness_versions.Observe(1);
  const auto buckets = replay.sample_staleness_versions.Collect().histogram.bucket;
  EXPECT_EQ(buckets.at(0).upper_bound, 0);
  EXPECT_EQ(buckets.at(0).cumulative_count, 1u);  // the one of staleness 0
  EXPECT_EQ(buckets.at(1).cumulative_count, 3u);  // and the two of staleness 1
}

}  // namespace
}  // namespace charter::metrics
