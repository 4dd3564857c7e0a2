#include "rl/ppo_trainer.hpp"

#include <unistd.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/rl/examples.hpp"
#include "tests/rl/tiny_policy.hpp"

namespace charter::rl {
namespace {

// beta1 = 0: the first moment is the gradient itself, and save() shows it.
constexpr model::AdamWOptions kAdam{.lr = 1e-2, .beta1 = 0.0};

PpoTrainer trainer(PpoOptions options = {}, model::AdamWOptions adam = kAdam) {
  return {tiny_trainable(), model::zero_value_head(kTinyHidden), options, adam};
}

std::vector<ScoredTrajectory> data(SamplePlan plan = {}) {
  return sample(tiny_policy(), tiny_policy(), plan, count_of_seven);
}

PpoStats train(PpoTrainer& trainer, std::vector<ScoredTrajectory> batch) {
  trainer.begin(std::move(batch));
  while (!trainer.advance()) {
  }
  return trainer.stats();
}

std::filesystem::path scratch(const std::string& name) {
  const auto dir = std::filesystem::temp_directory_path() /
                   ("charter_rl_" + std::to_string(::getpid()) + "_" + name);
  std::filesystem::remove_all(dir);
  return dir;
}

std::map<std::string, at::Tensor> saved(const PpoTrainer& trainer, const std::string& name) {
  const auto dir = scratch(name);
  trainer.save(dir);
  auto tensors = model::read_snapshot(dir / "ppo_trainer.safetensors").tensors;
  std::filesystem::remove_all(dir);
  return tensors;
}

TEST(PpoTrainer, TheFirstPassHasRatioOneExactly) {
  PpoTrainer t = trainer({.micro_batch_tokens = 40});
  const PpoStats stats = train(t, data());
  EXPECT_EQ(stats.approx_kl, 0.0);
  EXPECT_EQ(stats.clip_ratio, 0.0);
  EXPECT_GT(stats.grad_norm, 0.0);
}

TEST(PpoTrainer, KlIsZeroBeforeTheFirstStepAndNotAfterwards) {
  PpoTrainer t = trainer();
  const PpoStats before = train(t, data());
  EXPECT_LE(before.ref_match_max, 1e-5);
  EXPECT_NEAR(before.kl_k1, 0.0, 1e-5);
  EXPECT_LE(before.logprob_abs_diff_max, 1e-5);
  EXPECT_NEAR(before.importance_mean, 1.0, 1e-5);
  EXPECT_GT(train(t, data()).kl_k3, 1e-4);
}

// Also where trajectories of one prompt, which a pass computes once, fall into different parts.
TEST(PpoTrainer, MicroBatchesDoNotChangeTheGradient) {
  for (const auto& beginning : {std::vector<int32_t>{}, std::vector<int32_t>(20, 9)}) {
    const auto batch = data({.beginning = beginning});
    PpoTrainer small = trainer({.micro_batch_tokens = 64}),
               large = trainer({.micro_batch_tokens = 4096});
    const PpoStats a = train(small, batch), b = train(large, batch);
    const auto x = saved(small, "small"), y = saved(large, "large");
    double largest = 0;
    for (const auto& [name, tensor] : x) {
      if (!name.starts_with("exp_avg.")) continue;
      largest = std::max(largest, y.at(name).abs().max().item<double>());
      EXPECT_LE((tensor - y.at(name)).abs().max().item<double>(), 1e-6) << name;
    }
    EXPECT_GT(largest, 1e-3);
    EXPECT_NEAR(a.policy_loss, b.policy_loss, 1e-6);
    EXPECT_NEAR(a.value_loss, b.value_loss, 1e-5);
  }
}

TEST(ReferenceLogprobs, AreThoseOfEachTrajectoryAlone) {
  auto batch = data({.beginning = std::vector<int32_t>(20, 9)});
  batch[3].trajectory.temperature = 0.5;
  const model::Transformer reference = tiny_policy(8);
  set_reference_logprobs(reference, batch);
  for (const ScoredTrajectory& scored : batch) {
    const auto alone = logprobs_of(reference, scored);
    ASSERT_EQ(scored.ref_logprobs.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(scored.ref_logprobs[i], alone[i], 1e-5);
  }
}

// One trajectory of two tokens, all arithmetic repeated in plain numbers.
TEST(PpoTrainer, OneStepMatchesAHandWorkedExample) {
  ScoredTrajectory scored = example(1, 2, 0, /*score=*/3.0);
  scored.trajectory.finished = false;
  const std::vector<float> l = logprobs_of(tiny_policy(), scored);
  scored.ref_logprobs = {l[0] - 0.5f, l[1] + 0.25f};          // KL 0.5 and -0.25
  scored.trajectory.behavior_logprobs = {l[0] - 1.0f, l[1]};  // ratios e -> capped to 2, and 1
  PpoTrainer t = trainer({.gamma = 1.0,
                          .lambda = 0.5,
                          .value_coef = 0.1,
                          .kl_coef = 0.2,
                          .whiten_advantages = false,
                          .missing_eos_penalty = 1.0});
  const PpoStats s = train(t, {scored});
  // Rewards: -0.2 * 0.5 = -0.1; -0.2 * -0.25 + (3 - 1) = 2.05. Values are 0 (zero head).
  // A_1 = 2.05, A_0 = -0.1 + 0.5 * 2.05 = 0.925; returns are the same.
  EXPECT_NEAR(s.reward_mean, 2.0, 1e-6);
  EXPECT_NEAR(s.kl_k1, 0.25, 1e-5);
  EXPECT_NEAR(s.rlhf_reward_mean, 2.0 - 0.2 * 0.25, 1e-5);
  EXPECT_NEAR(s.advantage_mean, (0.925 + 2.05) / 2, 1e-5);
  // At ratio 1 the loss is -w A: -(2 * 0.925 + 1 * 2.05) / 2 = -1.95.
  EXPECT_NEAR(s.policy_loss, -1.95, 1e-5);
  // 0.5 (0.925^2 + 2.05^2) / 2 = 0.5 * (0.855625 + 4.2025) / 2 = 1.26453.
  EXPECT_NEAR(s.value_loss, 1.26453125, 1e-5);
  EXPECT_NEAR(s.importance_mean, 1.5, 1e-5);
  EXPECT_NEAR(s.importance_clip_ratio, 0.5, 1e-9);
  EXPECT_NEAR(s.importance_ess_ratio, 2.25 / 2.5, 1e-5);  // 1.5^2 / ((4 + 1) / 2)
  EXPECT_NEAR(s.explained_variance, 0.0, 1e-6);           // a critic of zeros explains nothing
  EXPECT_EQ(s.finished_ratio, 0.0);
  // d loss / d bias = 0.1 * mean(V - R) = -0.1 * 1.4875, then scaled to a joint norm of 1.
  const double scale = std::min(1.0, 1.0 / (s.grad_norm + 1e-6));
  EXPECT_NEAR(saved(t, "hand").at("exp_avg.value_head.bias").item<double>(), -0.14875 * scale,
              1e-5);
}

// One score has no spread; returns that are all the same (no discount, no KL penalty) leave a
// critic nothing to explain.
TEST(PpoTrainer, WhatIsTakenFromNothingIsNoNumber) {
  const ScoredTrajectory scored = example(1, 2, 0, /*score=*/3.0);
  PpoTrainer t = trainer({.gamma = 1.0, .lambda = 1.0, .kl_coef = 0.0, .whiten_advantages = false});
  const PpoStats s = train(t, {scored});
  EXPECT_NEAR(s.reward_mean, 3.0, 1e-6);
  EXPECT_TRUE(std::isnan(s.reward_std));
  EXPECT_TRUE(std::isnan(s.explained_variance));
}

TEST(PpoTrainer, EveryPassUsesTheTrajectorysTemperature) {
  auto batch = data({.temperature = 0.5});
  const auto hot = data({.count = 5, .temperature = 2.0, .seed = 9});
  batch.insert(batch.begin() + 3, hot.begin(), hot.end());
  PpoTrainer t = trainer();
  const PpoStats s = train(t, batch);
  EXPECT_LE(s.logprob_abs_diff_max, 1e-5);
  EXPECT_LE(s.ref_match_max, 1e-5);
}

TEST(PpoTrainer, PassesAndMinibatchesStepTheOptimizerButRaiseTheVersionOnce) {
  PpoTrainer t = trainer({.epochs = 2, .minibatches = 3},
                         {.lr = 1e-3, .schedule = model::Schedule::kLinear, .total_steps = 12});
  const PpoStats s = train(t, data());
  EXPECT_EQ(t.version(), 1);
  EXPECT_EQ(s.version, 1);
  EXPECT_NEAR(s.learning_rate, 1e-3 * (1 - 5.0 / 12), 1e-12);  // the sixth step's
  EXPECT_GT(s.approx_kl, 0.0);
}

TEST(PpoTrainer, GoesOnBitForBitAfterARestore) {
  const PpoOptions options{.epochs = 2, .minibatches = 2, .seed = 5};
  const auto dir = scratch("resume");
  PpoTrainer first = trainer(options);
  (void)train(first, data());
  first.save(dir);
  (void)train(first, data({.seed = 1}));
  PpoTrainer second = trainer(options);
  second.begin(data({.seed = 8}));  // abandoned by the restore
  (void)second.advance();
  second.restore(dir);
  EXPECT_EQ(second.version(), 1);
  (void)train(second, data({.seed = 1}));
  const auto x = saved(first, "x"), y = saved(second, "y");
  ASSERT_EQ(x.size(), y.size());
  for (const auto& [name, tensor] : x) EXPECT_TRUE(at::equal(tensor, y.at(name))) << name;
  std::filesystem::remove_all(dir);
}

TEST(PpoTrainer, ASnapshotGivesWorkersTheTrainersPolicy) {
  PpoTrainer t = trainer();
  (void)train(t, data());
  const model::Snapshot snapshot = t.snapshot(4);
  EXPECT_EQ(snapshot.version, 1);
  EXPECT_EQ(snapshot.lineage, 4);
  const model::Transformer worker = model::with_snapshot(tiny_policy(), snapshot);
  const ScoredTrajectory scored = example(1, 6);
  EXPECT_EQ(logprobs_of(worker, scored), logprobs_of(t.policy(), scored));
  EXPECT_NE(logprobs_of(worker, scored), logprobs_of(tiny_policy(), scored));
}

TEST(PpoTrainer, NamesTheTrajectoryWhoseLossIsNotFinite) {
  model::Transformer policy = tiny_trainable();
  policy.embedding = policy.embedding.clone();
  policy.embedding[31].fill_(std::numeric_limits<float>::quiet_NaN());
  PpoTrainer t(policy, model::zero_value_head(kTinyHidden), {}, kAdam);
  std::vector<ScoredTrajectory> batch = {example(1, 3), example(42, 3), example(3, 3)};
  batch[1].trajectory.prompt = {31};
  t.begin(batch);
  try {
    while (!t.advance()) {
    }
    FAIL() << "expected an exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("work_id 42"), std::string::npos) << error.what();
  }
}

TEST(PpoTrainer, RefusesBrokenContracts) {
  PpoTrainer t = trainer();
  EXPECT_THROW(t.begin({}), std::invalid_argument);
  EXPECT_THROW((void)t.advance(), std::invalid_argument);
  ScoredTrajectory outside = example(1, 2);
  outside.trajectory.response[1] = 32;
  EXPECT_THROW(t.begin({outside}), std::invalid_argument);
  EXPECT_THROW(t.begin({example(1, 100)}), std::invalid_argument);  // longer than max_position
  EXPECT_FALSE(t.busy());
  t.begin({example(1, 2)});
  EXPECT_THROW(t.begin({example(1, 2)}), std::invalid_argument);
  EXPECT_THROW(t.save(scratch("busy")), std::invalid_argument);
  EXPECT_THROW(trainer({.clip_epsilon = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
