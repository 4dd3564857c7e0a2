#include "actors/learner_stats.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace charter::actors {
namespace {

TEST(LearnerStats, OfAPpoBatchAreShownAndRecordedAlike) {
  rl::PpoStats stats;
  stats.reward_mean = 2.0;
  stats.rlhf_reward_mean = 1.95;
  stats.clip_ratio = 0.125;
  stats.value_clip_ratio = 0.25;
  stats.mismatch_kl = 1e-6;
  stats.logprob_abs_diff_max = 0.002;
  prometheus::Registry registry;
  const auto metrics = metrics::LearnerMetrics::make(registry, {{"run", "r"}, {"actor", "ppo"}});
  EXPECT_TRUE(std::isnan(metrics.ppo.value_clip_ratio.Value()));

  show(stats, 0.2, metrics);
  EXPECT_EQ(metrics.batch.reward_mean.Value(), 2.0);
  EXPECT_EQ(metrics.batch.rlhf_reward.Value(), 1.95);
  EXPECT_EQ(metrics.ppo.clip_ratio.Value(), 0.125);
  EXPECT_EQ(metrics.ppo.value_clip_ratio.Value(), 0.25);
  EXPECT_EQ(metrics.importance.mismatch_kl.Value(), 1e-6);
  EXPECT_EQ(metrics.importance.logprob_abs_diff.Value(), 0.002);

  const auto recorded = nlohmann::json::parse(to_json(stats, {1}, 1));
  EXPECT_EQ(recorded["rlhf_reward_mean"], 1.95);
  EXPECT_EQ(recorded["value_clip_ratio"], 0.25);
  EXPECT_EQ(recorded["logprob_abs_diff_max"], 0.002);
}

}  // namespace
}  // namespace charter::actors
