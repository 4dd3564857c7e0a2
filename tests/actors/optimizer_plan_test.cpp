#include "actors/optimizer_plan.hpp"

#include <gtest/gtest.h>

namespace charter::actors {
namespace {

model::AdamWOptions of(const config::RunConfig& c, const char* phase, int64_t items) {
  return optimizer_options(c, find_phase(c, phase), items);
}

TEST(OptimizerPlan, IsConstantUnlessAsked) {
  config::RunConfig c;
  c.sl_train.learning_rate = 3e-4;
  const auto o = of(c, "sl_train", 100);
  for (const int64_t step : {0, 5, 12, 500})
    EXPECT_DOUBLE_EQ(model::learning_rate(o, step), 3e-4) << step;
}

TEST(OptimizerPlan, SpansTheBatchesOfThePhasesWork) {
  config::RunConfig c;
  c.sl_train = {.batch = 8, .learning_rate = 1e-3, .warmup = 3, .schedule = "linear"};
  // 83 conversations are ten batches of 8 and one of 3: 11 steps, 8 of them after the warm-up.
  const auto o = of(c, "sl_train", 83);
  EXPECT_EQ(o.total_steps, 11);
  EXPECT_DOUBLE_EQ(model::learning_rate(o, 0), 1e-3 / 3);
  EXPECT_DOUBLE_EQ(model::learning_rate(o, 3), 1e-3);
  EXPECT_DOUBLE_EQ(model::learning_rate(o, 10), 1e-3 * (1 - 7.0 / 8));  // the last step
  EXPECT_DOUBLE_EQ(model::learning_rate(o, 11), 0.0);
}

TEST(OptimizerPlan, BothTrainingsOfThePmHaveTheSchedule) {
  config::RunConfig c;
  c.pm_train.batch = 4;
  c.pm_train.pmp_learning_rate = 1e-2;
  c.pm_train.learning_rate = 1e-3;
  c.pm_train.schedule = "cosine";
  // Half way through half a cosine the rate is half.
  EXPECT_DOUBLE_EQ(model::learning_rate(of(c, "pmp", 40), 5), 0.5e-2);
  EXPECT_DOUBLE_EQ(model::learning_rate(of(c, "pm_train", 24), 3), 0.5e-3);
  const auto online = online_pm_optimizer(c);
  EXPECT_DOUBLE_EQ(model::learning_rate(online, 0), 1e-3);
  EXPECT_DOUBLE_EQ(model::learning_rate(online, 1000), 1e-3);
}

TEST(OptimizerPlan, RlCountsItsOptimizerStepsFromTheConfiguration) {
  config::RunConfig c;
  c.rl.updates = 5;
  c.rl.epochs = 2;
  c.rl.minibatches = 4;
  c.rl.learning_rate = 1e-4;
  c.rl.warmup = 10;
  c.rl.schedule = "linear";
  const auto o = of(c, "rl", 7);  // its work includes pairs and preferences: not counted
  EXPECT_EQ(o.total_steps, 40);
  EXPECT_DOUBLE_EQ(model::learning_rate(o, 39), 1e-4 * (1 - 29.0 / 30));
}

TEST(OptimizerPlan, AWarmUpLongerThanTheDataTakesAllOfIt) {
  config::RunConfig c;
  c.sl_train = {.batch = 8, .learning_rate = 1e-3, .warmup = 10, .schedule = "cosine"};
  const auto o = of(c, "sl_train", 16);
  EXPECT_DOUBLE_EQ(model::learning_rate(o, 1), 1e-3 * 2 / 10);  // the last of two steps
}

TEST(OptimizerPlan, RefusesAPhaseThatTrainsNothing) {
  EXPECT_THROW((void)of({}, "label", 1), std::invalid_argument);
}

}  // namespace
}  // namespace charter::actors
