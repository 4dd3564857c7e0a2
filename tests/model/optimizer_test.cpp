#include "model/optimizer.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace charter::model {
namespace {

at::Tensor parameter(std::vector<float> values) { return at::tensor(values).requires_grad_(true); }

void set_grad(at::Tensor& p, std::vector<float> values) { p.mutable_grad() = at::tensor(values); }

TEST(AdamW, TheFirstStepsMatchHandWork) {
  // beta1 0.9, beta2 0.99, eps 1e-3, lr 0.1, decay 0.5, theta 2, gradients 0.5 and -1.
  // Step 1: theta *= 1 - 0.05 -> 1.9; m_hat = 0.5, v_hat = 0.25: -= 0.1 * 0.5 / 0.501 -> 1.8001996.
  // Step 2: theta *= 0.95 -> 1.71018962; m = 0.9 * 0.05 - 0.1 = -0.055, m_hat = -0.055 / 0.19 =
  //   -0.28947368; v = 0.99 * 0.0025 + 0.01 = 0.012475, v_hat = 0.012475 / 0.0199 = 0.62688442,
  //   root 0.79176033: += 0.1 * 0.28947368 / 0.79276033 -> 1.74670423.
  at::Tensor p = parameter({2.0f});
  AdamW adam({{"p", p}},
             {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.5});
  set_grad(p, {0.5f});
  EXPECT_NEAR(adam.step(0), 0.5, 1e-7);
  EXPECT_NEAR(p.item<double>(), 1.8001996, 1e-6);
  set_grad(p, {-1.0f});
  (void)adam.step(0);
  EXPECT_NEAR(p.item<double>(), 1.74670423, 1e-6);
  EXPECT_EQ(adam.steps(), 2);
}

TEST(AdamW, ClipsTheJointNorm) {
  // Norm of (3) and (4) is 5; limited to 1 the gradients are 0.6 and 0.8 (beta1 = 0 shows them).
  at::Tensor a = parameter({0.0f}), b = parameter({0.0f});
  AdamW adam({{"a", a}, {"b", b}}, {.beta1 = 0.0});
  set_grad(a, {3.0f});
  set_grad(b, {4.0f});
  EXPECT_NEAR(adam.step(1.0), 5.0, 1e-6);
  EXPECT_NEAR(adam.state().at("exp_avg.a").item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(adam.state().at("exp_avg.b").item<double>(), 0.8, 1e-6);
}

TEST(AdamW, LeavesParametersWithoutGradientAlone) {
  at::Tensor a = parameter({1.0f}), b = parameter({1.0f});
  AdamW adam({{"a", a}, {"b", b}}, {.lr = 0.1, .weight_decay = 0.5});
  set_grad(a, {1.0f});
  (void)adam.step(0);
  EXPECT_NE(a.item<float>(), 1.0f);
  EXPECT_EQ(b.item<float>(), 1.0f);
}

TEST(AdamW, ANonFiniteGradientIsNamedAndChangesNothing) {
  at::Tensor a = parameter({1.0f}), b = parameter({1.0f});
  AdamW adam({{"a", a}, {"b", b}}, {.lr = 0.1});
  set_grad(a, {1.0f});
  set_grad(b, {std::numeric_limits<float>::quiet_NaN()});
  EXPECT_THROW((void)adam.step(1.0), std::runtime_error);
  EXPECT_EQ(a.item<float>(), 1.0f);
  EXPECT_EQ(adam.steps(), 0);
}

TEST(AdamW, SchedulesAreAsDocumented) {
  AdamWOptions o{.lr = 1.0, .warmup_steps = 2, .schedule = Schedule::kLinear, .total_steps = 6};
  EXPECT_DOUBLE_EQ(learning_rate(o, 0), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(o, 1), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(o, 2), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(o, 3), 0.75);
  EXPECT_DOUBLE_EQ(learning_rate(o, 9), 0.0);
  o.schedule = Schedule::kCosine;
  EXPECT_NEAR(learning_rate(o, 4), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(o, 3), 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  o.schedule = Schedule::kConstant;
  EXPECT_DOUBLE_EQ(learning_rate(o, 100), 1.0);
}

TEST(AdamW, GoesOnBitForBitFromItsState) {
  const auto run = [](at::Tensor& p, AdamW& adam, float grad) {
    set_grad(p, {grad, -grad});
    (void)adam.step(0);
  };
  at::Tensor p = parameter({1.0f, 2.0f});
  AdamW adam({{"p", p}}, {.lr = 0.1});
  run(p, adam, 0.3f);
  at::Tensor q = p.detach().clone().requires_grad_(true);
  AdamW resumed({{"p", q}}, {.lr = 0.1});
  resumed.load_state(adam.state(), adam.steps());
  run(p, adam, -0.7f);
  run(q, resumed, -0.7f);
  EXPECT_TRUE(at::equal(p, q));
  EXPECT_THROW(resumed.load_state({}, 1), std::runtime_error);
}

TEST(AdamW, RefusesBadParametersAndOptions) {
  at::Tensor p = parameter({1.0f});
  EXPECT_THROW(AdamW({}, {}), std::invalid_argument);
  EXPECT_THROW(AdamW({{"p", at::ones({1})}}, {}), std::invalid_argument);
  EXPECT_THROW(AdamW({{"p", p}, {"p", p}}, {}), std::invalid_argument);
  EXPECT_THROW(AdamW({{"p", p}}, {.beta2 = 1.0}), std::invalid_argument);
  EXPECT_THROW(AdamW({{"p", p}}, {.schedule = Schedule::kLinear}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::model
