#include "rl/ppo_loss.hpp"

#include <cmath>
#include <functional>
#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

// Central differences of a scalar function against its gradient, float64.
void expect_gradient(const at::Tensor& at_point,
                     const std::function<at::Tensor(const at::Tensor&)>& loss) {
  at::Tensor x = at_point.clone().requires_grad_(true);
  loss(x).backward();
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < x.numel(); ++i) {
    at::Tensor up = at_point.clone(), down = at_point.clone();
    up[i] += kStep;
    down[i] -= kStep;
    const double slope = (loss(up) - loss(down)).item<double>() / (2 * kStep);
    EXPECT_NEAR(x.grad()[i].item<double>(), slope, 1e-7) << "entry " << i;
  }
}

TEST(PolicyLoss, ClipsOnlyWhereTheRatioWentTooFar) {
  // Ratios 1.5, 1.5, 0.5, 0.5 with A = 1, -1, 1, -1, eps 0.2, w = 1, 1, 2, 1:
  //   A 1, r 1.5: max(-1.5, -1.2) = -1.2, clipped     A -1, r 1.5: max(1.5, 1.2) = 1.5
  //   A 1, r 0.5: max(-0.5, -0.8) = -0.5, twice        A -1, r 0.5: max(0.5, 0.8) = 0.8, clipped
  // sum = -1.2 + 1.5 - 1.0 + 0.8 = 0.1
  const double up = std::log(1.5), down = std::log(0.5);
  const ClippedLoss loss = policy_loss(doubles({up, up, down, down}), doubles({0, 0, 0, 0}),
                                       doubles({1, -1, 1, -1}), doubles({1, 1, 2, 1}), 0.2);
  EXPECT_NEAR(loss.sum.item<double>(), 0.1, 1e-12);
  EXPECT_EQ(loss.clipped, 2);
}

TEST(PolicyLoss, GradientMatchesFiniteDifferences) {
  const at::Tensor proximal = doubles({-1, -2, -0.5, -3, -1}), a = doubles({1, -1, 2, -0.5, 1});
  const at::Tensor w = doubles({1, 0.5, 2, 1, 1});
  expect_gradient(doubles({-0.9, -2.5, -0.1, -2.7, -2}),
                  [&](const at::Tensor& x) { return policy_loss(x, proximal, a, w, 0.2).sum; });
}

TEST(PolicyLoss, AtRatioOneTheGradientIsMinusWeightTimesAdvantage) {
  at::Tensor x = doubles({-1, -2}).requires_grad_(true);
  policy_loss(x, x.detach(), doubles({3, -4}), doubles({1, 0.5}), 0.2).sum.backward();
  expect_near(x.grad(), doubles({-3, 2}));
}

TEST(ValueLoss, TakesTheLargerOfPlainAndClipped) {
  // V 1, V_old 0, R 2, eps 0.2: plain 1, clipped (0.2 - 2)^2 = 3.24 -> 1.62, clipped.
  // V 0.1, V_old 0, R 1: both 0.81 -> 0.405.
  const ClippedLoss loss = value_loss(doubles({1, 0.1}), doubles({0, 0}), doubles({2, 1}), 0.2);
  EXPECT_NEAR(loss.sum.item<double>(), 1.62 + 0.405, 1e-12);
  EXPECT_EQ(loss.clipped, 1);
}

TEST(ValueLoss, GradientMatchesFiniteDifferences) {
  const at::Tensor old = doubles({0, 0.5, -1, 2}), returns = doubles({1, 0, -2, 3});
  expect_gradient(doubles({0.1, 0.9, -1.5, 1.5}),
                  [&](const at::Tensor& x) { return value_loss(x, old, returns, 0.2).sum; });
}

TEST(PpoLoss, RefusesShapesThatDiffer) {
  const at::Tensor one = doubles({0}), two = doubles({0, 0});
  EXPECT_THROW((void)policy_loss(one, two, one, one, 0.2), std::invalid_argument);
  EXPECT_THROW((void)value_loss(one, one, two, 0.2), std::invalid_argument);
  EXPECT_THROW((void)value_loss(one, one, one, 0.0), std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
