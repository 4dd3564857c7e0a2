#include "rl/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::rl {
namespace {

TEST(RateLimiter, WaitsForTheFirstItems) {
  RateLimiter limiter({.min_size_to_sample = 3});
  limiter.insert(2);
  EXPECT_FALSE(limiter.can_sample());
  limiter.insert();
  EXPECT_TRUE(limiter.can_sample());
}

TEST(RateLimiter, HoldsSamplesAndInsertsInProportion) {
  // Two samples an insert, difference kept in [-4, 4].
  RateLimiter limiter(
      {.samples_per_insert = 2, .min_size_to_sample = 1, .min_diff = -4, .max_diff = 4});
  limiter.insert();                    // diff = 2.0
  EXPECT_TRUE(limiter.can_insert());   // would be 4.0
  limiter.insert();                    // diff = 4.0
  EXPECT_FALSE(limiter.can_insert());  // would be 6.0
  limiter.sample(8);                   // diff = -4.0
  EXPECT_FALSE(limiter.can_sample());  // would be -5.0
  EXPECT_TRUE(limiter.can_insert());   // would be -2.0
}

TEST(RateLimiter, AnEmptiedStoreMayAlwaysBeFilledAgain) {
  RateLimiter limiter(
      {.samples_per_insert = 1, .min_size_to_sample = 2, .min_diff = -1, .max_diff = 1});
  limiter.insert(2);
  limiter.remove(2);  // dropped, never sampled: diff is 2.0, above max_diff
  EXPECT_FALSE(limiter.can_sample());
  EXPECT_TRUE(limiter.can_insert());
}

TEST(RateLimiter, RefusesBoundsUnderWhichBothSidesWait) {
  EXPECT_THROW(RateLimiter({.min_diff = 0, .max_diff = 1}), std::invalid_argument);
  EXPECT_THROW(RateLimiter({.samples_per_insert = 0}), std::invalid_argument);
  EXPECT_THROW(RateLimiter({.min_size_to_sample = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
