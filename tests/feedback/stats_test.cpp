#include "feedback/stats.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::feedback {
namespace {

TEST(Stats, TheNormalQuantileIsTheKnownOne) {
  EXPECT_NEAR(normal_quantile(0.95), 1.959963984540054, 1e-9);
  EXPECT_NEAR(normal_quantile(0.5), 0.674489750196082, 1e-9);
  EXPECT_THROW((void)normal_quantile(1), std::invalid_argument);
}

TEST(Stats, PercentilesAreLinearBetweenOrderStatistics) {
  // Five values 0..4: the 10 % point lies 0.4 of the way from 0 to 1, the 90 % point at 3.6.
  const Interval interval = percentile_interval(2, {4, 2, 0, 3, 1}, 0.8);
  EXPECT_NEAR(interval.low, 0.4, 1e-12);
  EXPECT_NEAR(interval.high, 3.6, 1e-12);
  EXPECT_EQ(interval.value, 2);
  EXPECT_EQ(percentile_interval(7, {}, 0.95).low, 7);
}

TEST(Stats, AnIndexStreamRepeatsWithItsSeed) {
  IndexStream a(5), b(5), c(6);
  bool differs = false;
  for (int k = 0; k < 50; ++k) {
    const std::size_t index = a.next(1000);
    EXPECT_LT(index, 1000u);
    EXPECT_EQ(b.next(1000), index);
    differs |= c.next(1000) != index;
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace charter::feedback
