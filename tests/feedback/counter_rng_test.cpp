#include "feedback/counter_rng.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <stdexcept>

namespace charter::feedback {
namespace {

// First output of the reference generator with state 0 (Steele et al. 2014): its state is advanced
// by the golden gamma before mixing, which is what splitmix64(0) does.
TEST(CounterRng, SplitmixGivesTheReferenceValue) {
  EXPECT_EQ(splitmix64(0), 0xE220A8397B1DCDAFULL);
}

TEST(CounterRng, TheSameKeyGivesTheSameDrawAndAnyPartChangesIt) {
  const DrawKey key{1, 2, 3};
  EXPECT_EQ(draw_bits(key), draw_bits({1, 2, 3}));
  EXPECT_NE(draw_bits(key), draw_bits({2, 1, 3}));
  EXPECT_NE(draw_bits(key), draw_bits({1, 3, 2}));
}

TEST(CounterRng, IndicesAreUniform) {
  constexpr int kDraws = 16000;
  std::array<int, 16> counts{};
  for (std::uint64_t work = 0; work < kDraws; ++work) ++counts[draw_index({7, work, 1}, 16)];
  // 1,000 expected a cell, standard deviation sqrt(1000 * 15/16) = 31; 5 of them allowed.
  for (const int count : counts) EXPECT_NEAR(count, 1000, 155);
}

TEST(CounterRng, UnitsLieInTheHalfOpenInterval) {
  double sum = 0;
  for (std::uint64_t work = 0; work < 10000; ++work) {
    const double unit = draw_unit({1, work, 0});
    ASSERT_GE(unit, 0);
    ASSERT_LT(unit, 1);
    sum += unit;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 5 * std::sqrt(1.0 / 12 / 10000));
}

TEST(CounterRng, RefusesToDrawFromNothing) {
  EXPECT_THROW((void)draw_index({}, 0), std::invalid_argument);
}

TEST(CounterRng, HashesOfTextsAreStable) {
  // FNV-1a of "" is its offset basis; splitmix64 of that.
  EXPECT_EQ(stable_hash(""), splitmix64(0xCBF29CE484222325ULL));
  EXPECT_NE(stable_hash("ab"), stable_hash("ba"));
}

}  // namespace
}  // namespace charter::feedback
