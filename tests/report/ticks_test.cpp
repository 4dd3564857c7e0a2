#include "report/ticks.hpp"

#include <gtest/gtest.h>

namespace charter::report {
namespace {

void expect_ticks(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
}

TEST(NiceTicks, EncloseTheDataInRoundSteps) {
  expect_ticks(nice_ticks(0, 8, 4), {0, 2, 4, 6, 8});              // 8 / 4 = 2
  expect_ticks(nice_ticks(0, 9.3, 4), {0, 5, 10});                 // 2.325 -> 5
  expect_ticks(nice_ticks(0.12, 0.38, 4), {0.1, 0.2, 0.3, 0.4});   // 0.065 -> 0.1
  expect_ticks(nice_ticks(-0.12, 0.34, 4), {-0.2, 0, 0.2, 0.4});   // 0.115 -> 0.2
  expect_ticks(nice_ticks(0, 11800, 4), {0, 5000, 10000, 15000});  // 2950 -> 5000
}

TEST(NiceTicks, GiveASingleValueAnInterval) {
  expect_ticks(nice_ticks(0, 0, 4), {-1, -0.5, 0, 0.5, 1});
  expect_ticks(nice_ticks(2, 2, 4), {1, 1.5, 2, 2.5, 3});
}

TEST(FormatTick, ShowsAsManyDecimalsAsTheStepNeeds) {
  EXPECT_EQ(format_tick(0.1 + 0.2, 0.1), "0.3");
  EXPECT_EQ(format_tick(2.5, 0.5), "2.5");
  EXPECT_EQ(format_tick(2, 1), "2");
  EXPECT_EQ(format_tick(-0.002, 0.002), "\u22120.002");
  EXPECT_EQ(format_tick(0, 0.1), "0");
}

TEST(FormatTick, ShortensLargeAndTinyNumbers) {
  EXPECT_EQ(format_tick(20000, 5000), "20k");
  EXPECT_EQ(format_tick(4e6, 2e6), "4.0M");
  EXPECT_EQ(format_tick(2e-5, 1e-5), "2e-5");
  EXPECT_EQ(format_tick(1.5e-5, 5e-6), "1.5e-5");
}

}  // namespace
}  // namespace charter::report
