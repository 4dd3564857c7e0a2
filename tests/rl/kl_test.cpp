#include "rl/kl.hpp"

#include <cmath>
#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

TEST(Kl, K1KeepsItsSign) {
  expect_near(kl_k1(doubles({-1, -2}), doubles({-2, -1})), doubles({1, -1}));
}

TEST(Kl, K3IsNeverNegative) {
  // d = ln 2: exp(-d) - 1 + d = 0.5 - 1 + ln 2; d = -ln 2: 2 - 1 - ln 2.
  const double ln2 = std::log(2.0);
  expect_near(kl_k3(doubles({0, -ln2}), doubles({-ln2, 0})), doubles({ln2 - 0.5, 1 - ln2}));
}

TEST(Kl, BothEstimateTheTrueDivergence) {
  // p = (0.7, 0.3), q = (0.5, 0.5): the expectation under p of k1 and of k3 is KL(p || q) =
  // 0.7 ln 1.4 + 0.3 ln 0.6. For k3: E[q/p] = 1, so the extra terms cancel.
  const at::Tensor p = doubles({0.7, 0.3}), q = doubles({0.5, 0.5});
  const double exact = 0.7 * std::log(1.4) + 0.3 * std::log(0.6);
  EXPECT_NEAR((p * kl_k1(p.log(), q.log())).sum().item<double>(), exact, 1e-12);
  EXPECT_NEAR((p * kl_k3(p.log(), q.log())).sum().item<double>(), exact, 1e-12);
}

TEST(TokenRewards, PutTheScoreOnTheLastValidToken) {
  const at::Tensor mask = at::tensor({1, 1, 0, 1, 1, 1}).view({2, 3}).to(at::kBool);
  const at::Tensor kl = doubles({0.1, 0.2, NAN, 0, 0, 1}).view({2, 3});
  // -0.5 * kl, plus 3 at (0, 1) and -2 at (1, 2).
  expect_near(token_rewards(kl, doubles({3, -2}), mask, 0.5),
              doubles({-0.05, 2.9, 0, 0, 0, -2.5}).view({2, 3}));
}

TEST(TokenRewards, RefuseARowWithoutATokenAndAWrongShape) {
  const at::Tensor kl = at::zeros({1, 2}, at::kDouble);
  EXPECT_THROW((void)token_rewards(kl, doubles({1}), at::zeros({1, 2}, at::kBool), 0.1),
               std::invalid_argument);
  EXPECT_THROW((void)token_rewards(kl, doubles({1, 2}), at::ones({1, 2}, at::kBool), 0.1),
               std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
