#include "rl/gae.hpp"

#include <cmath>
#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

const at::Tensor kAll = at::ones({1, 3}, at::kBool);

TEST(Gae, MatchesAHandWorkedExample) {
  // r = 0, 0, 1; V = 0.5, 0.4, 0.3; gamma 0.9, lambda 0.8, so gamma * lambda = 0.72.
  // delta_2 = 1 - 0.3 = 0.7;                      A_2 = 0.7
  // delta_1 = 0.9 * 0.3 - 0.4 = -0.13;            A_1 = -0.13 + 0.72 * 0.7 = 0.374
  // delta_0 = 0.9 * 0.4 - 0.5 = -0.14;            A_0 = -0.14 + 0.72 * 0.374 = 0.12928
  const GaeResult result = gae(doubles({0, 0, 1}).view({1, 3}), doubles({.5, .4, .3}).view({1, 3}),
                               kAll, {.gamma = 0.9, .lambda = 0.8});
  expect_near(result.advantages, doubles({0.12928, 0.374, 0.7}).view({1, 3}));
  expect_near(result.returns, doubles({0.62928, 0.774, 1.0}).view({1, 3}));
}

TEST(Gae, LambdaOneIsTheMonteCarloReturn) {
  const GaeResult result = gae(doubles({1, 2, 3}).view({1, 3}), doubles({9, 8, 7}).view({1, 3}),
                               kAll, {.gamma = 1.0, .lambda = 1.0});
  expect_near(result.returns, doubles({6, 5, 3}).view({1, 3}));
}

TEST(Gae, TheLastValidTokenIsTerminalAndPaddingHasNoEffect) {
  const at::Tensor mask = at::tensor({1, 1, 0}).view({1, 3}).to(at::kBool);
  const GaeResult padded =
      gae(doubles({1, 2, NAN}).view({1, 3}), doubles({.5, .25, NAN}).view({1, 3}), mask, {});
  const GaeResult alone = gae(doubles({1, 2}).view({1, 2}), doubles({.5, .25}).view({1, 2}),
                              at::ones({1, 2}, at::kBool), {});
  expect_near(padded.advantages.narrow(1, 0, 2), alone.advantages);
  EXPECT_EQ(padded.advantages[0][2].item<double>(), 0.0);
  EXPECT_EQ(padded.returns[0][2].item<double>(), 0.0);
}

TEST(Gae, AMaskedTokenInTheMiddleIsPassedOver) {
  const at::Tensor mask = at::tensor({1, 0, 1}).view({1, 3}).to(at::kBool);
  const GaeResult gap =
      gae(doubles({1, NAN, 2}).view({1, 3}), doubles({.5, NAN, .25}).view({1, 3}), mask, {});
  const GaeResult alone = gae(doubles({1, 2}).view({1, 2}), doubles({.5, .25}).view({1, 2}),
                              at::ones({1, 2}, at::kBool), {});
  expect_near(gap.advantages.masked_select(mask), alone.advantages.view({2}));
}

TEST(Gae, RefusesShapesAndOptionsOutOfRange) {
  const at::Tensor x = doubles({1, 2, 3}).view({1, 3});
  EXPECT_THROW((void)gae(x, doubles({1, 2}).view({1, 2}), kAll, {}), std::invalid_argument);
  EXPECT_THROW((void)gae(x, x.to(at::kFloat), kAll, {}), std::invalid_argument);
  EXPECT_THROW((void)gae(x, x, kAll, {.gamma = 0.0}), std::invalid_argument);
  EXPECT_THROW((void)gae(x, x, kAll, {.lambda = 1.1}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
