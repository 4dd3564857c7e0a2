#include "model/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace charter::model {
namespace {

// Probabilities 0.1, 0.2, 0.3, 0.4 at temperature 1.
const std::vector<float> kLogits{std::log(0.1f), std::log(0.2f), std::log(0.3f), std::log(0.4f)};

TEST(Sampler, WalksTheDistributionInIdOrder) {
  // Cumulative: 0.1, 0.3, 0.6, 1.0.
  const std::pair<double, int> cases[] = {{0.0, 0},  {0.09, 0}, {0.11, 1}, {0.29, 1},
                                          {0.31, 2}, {0.61, 3}, {0.999, 3}};
  for (const auto& [u, token] : cases) {
    const SampledToken s = sample(kLogits, 1.0, 1.0, u);
    EXPECT_EQ(s.token, token) << u;
    EXPECT_NEAR(s.logprob, kLogits[static_cast<size_t>(token)], 1e-6);
  }
}

TEST(Sampler, TemperatureSharpensAndZeroIsGreedy) {
  // At 0.5 probabilities are squared: 1, 4, 9, 16 of 30.
  EXPECT_NEAR(sample(kLogits, 0.5, 1.0, 0.9).logprob, std::log(16.0 / 30), 1e-6);
  EXPECT_NEAR(token_logprob(kLogits, 0.5, 1), std::log(4.0 / 30), 1e-6);
  const SampledToken greedy = sample(kLogits, 0.0, 1.0, 0.0);
  EXPECT_EQ(greedy.token, 3);
  EXPECT_NEAR(greedy.logprob, std::log(0.4), 1e-6);
}

TEST(Sampler, NucleusHoldsTheLikeliestThatReachTopP) {
  // top_p 0.65: 0.4 + 0.3 reach it; by likelihood 3 then 2, u splits at 4/7.
  EXPECT_EQ(sample(kLogits, 1.0, 0.65, 0.56).token, 3);
  EXPECT_EQ(sample(kLogits, 1.0, 0.65, 0.58).token, 2);
  EXPECT_EQ(sample(kLogits, 1.0, 0.65, 0.9999).token, 2);
  EXPECT_EQ(sample(kLogits, 1.0, 0.3, 0.9999).token, 3);
  EXPECT_NEAR(sample(kLogits, 1.0, 0.3, 0.5).logprob, std::log(0.4),
              1e-6);  // of the whole vocabulary
}

TEST(Sampler, FrequenciesFollowTheProbabilities) {
  std::vector<int> counts(4);
  const int n = 40000;
  for (int i = 0; i < n; ++i)
    ++counts[static_cast<size_t>(sample(kLogits, 1.0, 1.0, uniform(3, i)).token)];
  for (int k = 0; k < 4; ++k) {
    const double p = 0.1 * (k + 1), sigma = std::sqrt(p * (1 - p) / n);
    EXPECT_NEAR(counts[static_cast<size_t>(k)] / double{n}, p, 4 * sigma) << k;
  }
}

TEST(Sampler, ALargeVocabularySumsToOne) {
  std::vector<float> logits(49152);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>((i * 7919) % 1000) * 0.02f;
  double total = 0;
  for (size_t i = 0; i < logits.size(); ++i)
    total += std::exp(token_logprob(logits, 1.0, static_cast<int32_t>(i)));
  EXPECT_NEAR(total, 1.0, 1e-4);
  EXPECT_LT(sample(logits, 1.0, 1.0, 0.999999999).token, 49152);
}

TEST(Sampler, FindsWhatIsNotFiniteAnywhere) {
  for (const float value : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    for (const size_t at : {size_t{0}, size_t{17}, size_t{99}}) {
      std::vector<float> logits(100, 1.0f);
      EXPECT_TRUE(all_finite(logits));
      logits[at] = value;
      EXPECT_FALSE(all_finite(logits)) << value << " at " << at;
    }
  }
  const std::vector<float> large{3.4e38f, -3.4e38f, 1e-45f, 0.0f};
  EXPECT_TRUE(all_finite(large));
}

TEST(Sampler, TheLowestTemperatureGivesNumbers) {
  const SampledToken s = sample(kLogits, kMinTemperature, 1.0, 0.5);
  EXPECT_EQ(s.token, 3);
  EXPECT_NEAR(s.logprob, 0, 1e-6);
  // 1e4 * (log 0.3 - log 0.4) = 1e4 * -0.287682
  EXPECT_NEAR(token_logprob(kLogits, kMinTemperature, 2), -2876.82, 0.01);
}

TEST(Sampler, UniformIsAFunctionOfSeedAndIndex) {
  EXPECT_EQ(uniform(1, 2), uniform(1, 2));
  EXPECT_NE(uniform(1, 2), uniform(2, 1));
  double sum = 0;
  for (uint64_t i = 0; i < 10000; ++i) sum += uniform(i, 0);
  EXPECT_NEAR(sum / 10000, 0.5, 4 * std::sqrt(1.0 / 12 / 10000));
}

}  // namespace
}  // namespace charter::model
