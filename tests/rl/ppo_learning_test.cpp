// PPO raises a known reward, and the KL term holds it back, on a policy small enough to watch.
#include <algorithm>
#include <cstdio>
#include <deque>

#include "rl/ppo_trainer.hpp"
#include "tests/rl/examples.hpp"
#include "tests/rl/tiny_policy.hpp"

namespace charter::rl {
namespace {

struct Outcome {
  double reward = 0, kl = 0;  // of fresh samples from the final policy; KL a sequence
};

Outcome learn(uint64_t seed, double kl_coef, int64_t lag = 0) {
  const model::Transformer reference = tiny_policy(seed);
  PpoTrainer trainer(tiny_trainable(seed), model::zero_value_head(kTinyHidden),
                     {.epochs = 2, .minibatches = 2, .kl_coef = kl_coef}, {.lr = 5e-3});
  std::deque<model::Transformer> published(static_cast<size_t>(lag) + 1,
                                           model::with_snapshot(reference, trainer.snapshot(0)));
  for (int64_t step = 0; step < 30; ++step) {
    trainer.begin(sample(published.front(), reference,
                         {.count = 64,
                          .version = std::max<int64_t>(0, step - lag),
                          .seed = seed * 1000 + static_cast<uint64_t>(step)},
                         count_of_seven));
    while (!trainer.advance()) {
    }
    EXPECT_LE(trainer.stats().staleness_max, static_cast<double>(lag));
    published.pop_front();
    published.push_back(model::with_snapshot(reference, trainer.snapshot(0)));
  }
  // One more batch, only to measure: its statistics are of the policy it begins with.
  trainer.begin(sample(published.back(), reference, {.count = 256, .version = 30, .seed = seed},
                       count_of_seven));
  while (!trainer.advance()) {
  }
  return {.reward = trainer.stats().reward_mean, .kl = trainer.stats().kl_k3};
}

// A uniform policy has 8 / 32 = 0.25 sevens in 8 tokens; with every token a 7 the KL to it would be
// 8 ln 32 = 27.7 nats.
TEST(PpoLearning, RaisesAKnownRewardWithBoundedKl) {
  for (const uint64_t seed : {1, 2, 3}) {
    const Outcome outcome = learn(seed, 0.05);
    std::printf("seed %d: reward %.3f, KL %.3f\n", static_cast<int>(seed), outcome.reward,
                outcome.kl);
    EXPECT_GT(outcome.reward, 2.5);  // ten times the start
    EXPECT_LT(outcome.kl, 15.0);
  }
}

TEST(PpoLearning, ALargerKlCoefficientKeepsThePolicyNear) {
  for (const uint64_t seed : {1, 2}) {
    const Outcome free = learn(seed, 0.05), held = learn(seed, 2.0);
    std::printf("seed %d: KL %.3f with beta 0.05, %.3f with beta 2 (reward %.3f)\n",
                static_cast<int>(seed), free.kl, held.kl, held.reward);
    EXPECT_LT(held.kl, 0.5 * free.kl);
    EXPECT_LT(held.reward, free.reward);
  }
}

TEST(PpoLearning, StaleDataStillTeaches) {
  const Outcome outcome = learn(1, 0.05, /*lag=*/3);
  std::printf("3 versions stale: reward %.3f, KL %.3f\n", outcome.reward, outcome.kl);
  EXPECT_GT(outcome.reward, 2.0);
}

}  // namespace
}  // namespace charter::rl
