#include "rl/importance.hpp"

#include <cmath>
#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

TEST(Importance, TruncatesAndMeasures) {
  // Ratios 1, 4, 0.5 and one masked out; cap 2 gives weights 1, 2, 0.5: mean 3.5 / 3, squares
  // 1 + 4 + 0.25 = 5.25; ESS = (3.5 / 3)^2 / (5.25 / 3) = 12.25 / 15.75 = 7 / 9.
  const at::Tensor mask = at::tensor({1, 1, 0, 1}).to(at::kBool);
  const at::Tensor proximal = doubles({-1, -1 + std::log(4.0), NAN, -1 + std::log(0.5)});
  const Importance w = truncated_importance(proximal, doubles({-1, -1, -1, -1}), mask, 2.0);
  expect_near(w.weights, doubles({1, 2, 0, 0.5}));
  EXPECT_NEAR(w.mean, 3.5 / 3, 1e-12);
  EXPECT_NEAR(w.clip_ratio, 1.0 / 3, 1e-12);
  EXPECT_NEAR(w.ess_ratio, 7.0 / 9, 1e-12);
}

TEST(Importance, OnPolicyDataHasWeightOneExactly) {
  const at::Tensor x = at::randn({50});
  const Importance w = truncated_importance(x, x, at::ones({50}, at::kBool), 2.0);
  EXPECT_TRUE(at::equal(w.weights, at::ones({50})));
  EXPECT_EQ(w.mean, 1.0);
  EXPECT_EQ(w.clip_ratio, 0.0);
  EXPECT_NEAR(w.ess_ratio, 1.0, 1e-12);
}

TEST(Importance, AHugeRatioStaysFinite) {
  const Importance w =
      truncated_importance(doubles({0}), doubles({-1e4}), at::ones({1}, at::kBool), 2.0);
  EXPECT_EQ(w.weights.item<double>(), 2.0);
}

TEST(Mismatch, IsRMinusLogRMinusOne) {
  // r = 2: 2 - ln 2 - 1; the other token is not counted.
  const double ln2 = std::log(2.0);
  const Mismatch m =
      mismatch(doubles({-1 + ln2, 5}), doubles({-1, -1}), at::tensor({1, 0}).to(at::kBool));
  EXPECT_EQ(m.tokens, 1);
  EXPECT_NEAR(m.kl, 1 - ln2, 1e-12);
  EXPECT_NEAR(m.abs_diff_max, ln2, 1e-12);
}

TEST(Importance, RefusesACapBelowOne) {
  const at::Tensor x = doubles({0});
  EXPECT_THROW((void)truncated_importance(x, x, at::ones({1}, at::kBool), 0.5),
               std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
