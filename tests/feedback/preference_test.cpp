#include "feedback/preference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "feedback/counter_rng.hpp"

namespace charter::feedback {
namespace {

TEST(Preference, CombinesBothOrdersInLogitSpace) {
  // l_AB = -1 - (-3) = 2, l_BA = -2 - (-1) = -1: (2 + 1) / 2 = 1.5, sigmoid(1.5) = 0.817574.
  EXPECT_NEAR(combine_orders({-1, -3}, {-2, -1}), 0.8175744761936437, 1e-15);
}

TEST(Preference, AConstantPositionBiasCancels) {
  const double bias = 5;  // (A) is favoured by e^5 in both orders
  const double gap = 0.7;
  EXPECT_NEAR(combine_orders({gap + bias, 0}, {-gap + bias, 0}), sigmoid(gap), 1e-15);
}

TEST(Preference, SwappingTheResponsesMirrorsTheLabel) {
  for (std::uint64_t k = 0; k < 200; ++k) {
    const auto value = [k](std::uint64_t slot) { return -10 * draw_unit({3, k, slot}); };
    const OptionLogprobs ab{value(0), value(1)}, ba{value(2), value(3)};
    // With the responses swapped, the order that lists the second first comes first.
    EXPECT_NEAR(combine_orders(ab, ba) + combine_orders(ba, ab), 1, 1e-12);
    EXPECT_EQ(order_flip(ab, ba), order_flip(ba, ab));
    const ContrastScore first{value(4), value(5), 1 + static_cast<std::int64_t>(k % 7)};
    const ContrastScore second{value(6), value(7), 1 + static_cast<std::int64_t>(k % 5)};
    EXPECT_NEAR(contrast_probability(first, second, 10) + contrast_probability(second, first, 10),
                1, 1e-12);
    EXPECT_EQ(length_flip(first, second), length_flip(second, first));
  }
}

TEST(Preference, OrdersFlipWhenBothPickTheSameLetter) {
  EXPECT_TRUE(order_flip({-1, -2}, {-1, -2}));   // (A) twice
  EXPECT_TRUE(order_flip({-2, -1}, {-2, -1}));   // (B) twice
  EXPECT_FALSE(order_flip({-1, -2}, {-2, -1}));  // the first response twice
  EXPECT_FALSE(order_flip({-1, -1}, {-1, -2}));  // no opinion in one order
}

TEST(Preference, ContrastUsesMeanTokenLogprobs) {
  const ContrastScore first{-10, -14, 4};  // (4) / 4 = 1
  const ContrastScore second{-9, -12, 6};  // (3) / 6 = 0.5
  EXPECT_DOUBLE_EQ(contrast_margin(first), 1);
  // sigmoid(2 * (1 - 0.5)) = sigmoid(1) = 0.731059
  EXPECT_NEAR(contrast_probability(first, second, 2), 0.7310585786300049, 1e-15);
  EXPECT_THROW((void)contrast_margin({-1, -1, 0}), std::invalid_argument);
}

TEST(Preference, LengthFlipSeesThatSumsPreferTheOtherResponse) {
  // Means 1 > 0.5 but sums 2 < 5: the label hangs on the normalization.
  EXPECT_TRUE(length_flip({-1, -3, 2}, {-10, -15, 10}));
  EXPECT_FALSE(length_flip({-1, -3, 2}, {-10, -11, 10}));
}

TEST(Preference, SigmoidDoesNotOverflow) {
  EXPECT_EQ(sigmoid(-1e6), 0);
  EXPECT_EQ(sigmoid(1e6), 1);
  EXPECT_EQ(sigmoid(0), 0.5);
}

TEST(Preference, EntropyIsNaturalAndZeroAtTheEnds) {
  EXPECT_EQ(binary_entropy(0), 0);
  EXPECT_EQ(binary_entropy(1), 0);
  EXPECT_NEAR(binary_entropy(0.5), std::log(2.0), 1e-15);
  EXPECT_THROW((void)binary_entropy(1.1), std::invalid_argument);
  EXPECT_THROW((void)binary_entropy(std::nan("")), std::invalid_argument);
}

TEST(Preference, ClampLimitsToThePapersRange) {
  EXPECT_EQ(clamp_probability(0.99, 0.4, 0.6), 0.6);
  EXPECT_EQ(clamp_probability(0.01, 0.4, 0.6), 0.4);
  EXPECT_EQ(clamp_probability(0.55, 0.4, 0.6), 0.55);
  EXPECT_THROW((void)clamp_probability(0.5, 0.6, 0.4), std::invalid_argument);
}

}  // namespace
}  // namespace charter::feedback
