#include "bench/workload.hpp"

#include <gtest/gtest.h>

namespace charter::bench {
namespace {

// The lines of alternate_test.py's WorkloadTest: both sides draw the same work.
TEST(WorkloadTest, DrawsTheTokenIdsThatThePeersDraw) {
  EXPECT_EQ(token_ids(3, 0, 49152), (std::vector<int32_t>{28632, 14562, 45345}));
  EXPECT_EQ(sequences({1, 2}, 5, 49152),
            (std::vector<std::vector<int32_t>>{{16036}, {46810, 25143}}));
}

TEST(WorkloadTest, PairsOfTheSharedCaseBeginAlike) {
  const auto plain = sequences({4, 5}, 5, 49152);
  const auto shared = pair_sequences("shared", {4, 5}, 5, 49152);
  EXPECT_EQ(shared[0], plain[0]);
  EXPECT_EQ(shared[1], (std::vector<int32_t>{plain[0][0], plain[0][1], plain[1][2], plain[1][3],
                                             plain[1][4]}));
  EXPECT_EQ(pair_sequences("plain", {4, 5}, 5, 49152), plain);
}

TEST(WorkloadTest, DrawsTheFloatsThatThePeersDraw) {
  EXPECT_EQ(unit_floats(2, 7), (std::vector<float>{0.06654739379882812f, -0.6777515411376953f}));
}

TEST(WorkloadTest, MixedLengthsAreEvenStepsInThePeersOrder) {
  EXPECT_EQ(train_lengths("mixed", 128, 8),
            (std::vector<int64_t>{128, 160, 256, 32, 192, 224, 64, 96}));
  EXPECT_EQ(train_lengths("plain", 128, 2), (std::vector<int64_t>{128, 128}));
}

// 8 * 32^(i/4): ratios of 2.378.
TEST(WorkloadTest, LongTailRunsFromEightTo256InEqualRatios) {
  EXPECT_EQ(long_tail(5), (std::vector<int64_t>{8, 19, 45, 108, 256}));
}

}  // namespace
}  // namespace charter::bench
