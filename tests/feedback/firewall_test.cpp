#include "feedback/firewall.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::feedback {
namespace {

at::Tensor rows(const std::vector<double>& values, std::int64_t width) {
  return at::tensor(values, at::kDouble).view({-1, width});
}

// Mean (1, 1); deviations (-1,-1) (1,1) (-1,0) (1,0).
// Covariance with divisor n - 1 = 3: xx = 4/3, yy = 2/3, xy = 2/3.
const at::Tensor kPoints = rows({0, 0, 2, 2, 0, 1, 2, 1}, 2);

TEST(Firewall, MahalanobisIsTheHandWorkedDistance) {
  const FirewallLayer layer = fit_firewall(kPoints, {.shrinkage = 0});
  // det = 8/9 - 4/9 = 4/9; S^-1 = 9/4 * [2/3, -2/3; -2/3, 4/3] = [1.5, -1.5; -1.5, 3].
  EXPECT_NEAR(layer.precision[0][0].item<double>(), 1.5, 1e-12);
  EXPECT_NEAR(layer.precision[0][1].item<double>(), -1.5, 1e-12);
  EXPECT_NEAR(layer.precision[1][1].item<double>(), 3, 1e-12);
  // At (2, 1): d = (1, 0): 1.5. At (1, 2): d = (0, 1): 3. At the mean: 0.
  const at::Tensor distances = mahalanobis(layer, rows({2, 1, 1, 2, 1, 1}, 2));
  EXPECT_NEAR(distances[0].item<double>(), 1.5, 1e-12);
  EXPECT_NEAR(distances[1].item<double>(), 3, 1e-12);
  EXPECT_NEAR(distances[2].item<double>(), 0, 1e-12);
}

TEST(Firewall, RelativeDistanceTakesTheDiagonalOneAway) {
  const FirewallLayer layer = fit_firewall(kPoints, {.shrinkage = 0});
  // At (2, 1): 1.5 - 1 / (4/3) = 0.75. At (2, 0): d = (1, -1): 1.5 + 3 + 3 = 7.5, diagonal
  // 0.75 + 1.5 = 2.25: 5.25. At (2, 2): d = (1, 1): 1.5 + 3 - 3 = 1.5, minus 2.25: -0.75.
  const at::Tensor scores = relative_mahalanobis(layer, rows({2, 1, 2, 0, 2, 2}, 2));
  EXPECT_NEAR(scores[0].item<double>(), 0.75, 1e-12);
  EXPECT_NEAR(scores[1].item<double>(), 5.25, 1e-12);
  EXPECT_NEAR(scores[2].item<double>(), -0.75, 1e-12);
}

TEST(Firewall, FullShrinkageIsTheDiagonalModel) {
  const FirewallLayer layer = fit_firewall(kPoints, {.shrinkage = 1});
  const at::Tensor scores = relative_mahalanobis(layer, rows({2, 0, 5, -3}, 2));
  EXPECT_LT(scores.abs().max().item<double>(), 1e-12);
}

TEST(Firewall, FewerRowsThanFeaturesNeedShrinkage) {
  const at::Tensor few = rows({0, 0, 1, 1, 2, 0}, 3);
  EXPECT_THROW((void)fit_firewall(few, {.shrinkage = 0}), std::invalid_argument);
  const FirewallLayer layer = fit_firewall(few, {.shrinkage = 0.1});
  EXPECT_TRUE(mahalanobis(layer, few).isfinite().all().item<bool>());
}

TEST(Firewall, AConstantFeatureIsRaisedToTheFloor) {
  const at::Tensor constant = rows({0, 5, 1, 5, 2, 5}, 2);
  const FirewallLayer layer = fit_firewall(constant, {.shrinkage = 0.5, .variance_floor = 1e-2});
  EXPECT_NEAR(layer.variance[1].item<double>(), 0.005, 1e-12);  // 1e-2 * mean(1, 0)
}

TEST(Firewall, AurocCountsPairsAndHalvesTies) {
  const std::vector<double> in = {1, 2, 3}, out = {2, 4};
  // 2 beats 1 and ties with 2: 1.5 of 3; 4 beats all: 3 of 3. 4.5 / 6.
  const Interval interval = auroc(in, out);
  EXPECT_DOUBLE_EQ(interval.value, 0.75);
  EXPECT_LE(interval.low, 0.75);
  EXPECT_GE(interval.high, 0.75);
  EXPECT_DOUBLE_EQ(auroc(out, in).value, 0.25);
  EXPECT_THROW((void)auroc(in, {}), std::invalid_argument);
}

TEST(Firewall, FindsWhatBreaksTheCorrelationThatEachFeatureKeeps) {
  // In: y = x plus a little; out: y = -x with the same spread of each feature.
  const at::Tensor x = at::linspace(-2, 2, 101, at::kDouble);
  const at::Tensor noise = 0.2 * (17 * x).sin();
  const at::Tensor in = at::stack({x, x + noise}, 1), out = at::stack({x, -x + noise}, 1);
  const FirewallLayer layer = fit_firewall(in);
  const double relative =
      auroc(relative_mahalanobis(layer, in), relative_mahalanobis(layer, out)).value;
  EXPECT_GT(relative, 0.9);
}

TEST(Firewall, RefusesBrokenArguments) {
  EXPECT_THROW((void)fit_firewall(rows({1, 2}, 2)), std::invalid_argument);
  EXPECT_THROW((void)fit_firewall(kPoints, {.shrinkage = 2}), std::invalid_argument);
  EXPECT_THROW((void)mahalanobis(fit_firewall(kPoints), rows({1, 2, 3}, 3)), std::invalid_argument);
}

}  // namespace
}  // namespace charter::feedback
