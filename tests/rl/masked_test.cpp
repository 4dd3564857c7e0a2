#include "rl/masked.hpp"

#include <cmath>
#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

const at::Tensor kMask = at::tensor({1, 1, 0, 1}).to(at::kBool);

TEST(Masked, MeanAndUnbiasedVarianceIgnoreNaNOutsideTheMask) {
  // 1, 2, 6: mean 3, squared deviations 4 + 1 + 9 = 14, divided by 2.
  const at::Tensor x = doubles({1, 2, NAN, 6});
  EXPECT_DOUBLE_EQ(masked_mean(x, kMask), 3.0);
  EXPECT_DOUBLE_EQ(masked_variance(x, kMask), 7.0);
}

TEST(Masked, WhitenedValuesHaveMeanZeroAndDeviationOne) {
  const at::Tensor white = whiten(doubles({1, 2, NAN, 6}), kMask);
  const double s = std::sqrt(7.0 + 1e-8);
  expect_near(white, doubles({-2 / s, -1 / s, 0, 3 / s}));
}

TEST(Masked, OneValueIsNotWhitened) {
  const at::Tensor one = at::tensor({1, 0}).to(at::kBool);
  expect_near(whiten(doubles({5, NAN}), one), doubles({5, 0}));
  EXPECT_EQ(masked_variance(doubles({5, NAN}), one), 0.0);
}

TEST(Masked, RefusesAMaskOfAnotherShape) {
  EXPECT_THROW((void)whiten(doubles({1, 2}), kMask), std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
