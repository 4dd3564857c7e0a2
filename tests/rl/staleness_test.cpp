#include "rl/staleness.hpp"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace charter::rl {
namespace {

TEST(Staleness, RejectsTrajectoriesOlderThanTheLimit) {
  EXPECT_EQ(admit(0, 3, 0, 5, 2), Admission::kAdmit);
  EXPECT_EQ(admit(0, 2, 0, 5, 2), Admission::kStale);
  EXPECT_EQ(admit(0, 6, 0, 5, 2), Admission::kFuture);
  EXPECT_EQ(admit(1, 5, 2, 5, 2), Admission::kOtherLineage);
}

TEST(StalenessGate, AdmitsExactlyOneBatchWhenSynchronous) {
  StalenessGate gate({.batch_size = 3, .max_staleness = 0});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(gate.reserve(), Admission::kAdmit);
  EXPECT_EQ(gate.reserve(), Admission::kWait);
  for (int i = 0; i < 3; ++i) gate.commit();
  EXPECT_EQ(gate.reserve(), Admission::kWait);  // buffered is not yet trained
  gate.consume(3, 3);
  EXPECT_EQ(gate.version(), 1);
  EXPECT_EQ(gate.capacity(), 3);
}

TEST(StalenessGate, AStalenessOfEtaAllowsEtaMoreBatches) {
  StalenessGate gate({.batch_size = 2, .max_staleness = 3});
  EXPECT_EQ(gate.capacity(), 8);  // (3 + 0 + 1) * 2
}

TEST(StalenessGate, RollbackAndDropGiveTheSlotBack) {
  StalenessGate gate({.batch_size = 1, .max_staleness = 0});
  ASSERT_EQ(gate.reserve(), Admission::kAdmit);
  gate.rollback();
  ASSERT_EQ(gate.reserve(), Admission::kAdmit);
  gate.commit();
  EXPECT_EQ(gate.reserve(), Admission::kWait);
  gate.drop(1);
  EXPECT_EQ(gate.reserve(), Admission::kAdmit);
}

TEST(StalenessGate, AfterARestoreTheBoundHoldsFromTheFirstBatch) {
  StalenessGate gate({.batch_size = 4, .max_staleness = 1});
  gate.restore(/*version=*/10, /*in_flight=*/0, /*buffered=*/3);
  EXPECT_EQ(gate.consumed(), 40);
  EXPECT_EQ(gate.capacity(), 5);  // (1 + 10 + 1) * 4 - (0 + 3 + 40)
}

TEST(StalenessGate, RefusesWhatWasNeverReserved) {
  StalenessGate gate({.batch_size = 2});
  EXPECT_THROW(gate.commit(), std::invalid_argument);
  EXPECT_THROW(gate.rollback(), std::invalid_argument);
  EXPECT_THROW(gate.drop(1), std::invalid_argument);
  EXPECT_THROW(gate.consume(2, 1), std::invalid_argument);
  EXPECT_THROW(StalenessGate({.batch_size = 0}), std::invalid_argument);
}

TEST(StalenessGate, SaysWhichVersionAGenerationNeeds) {
  StalenessGate gate({.batch_size = 2, .max_staleness = 1});
  // Places 0 and 1 are trained from version 0, 2 and 3 from 1: weights 0 are 1 old then. Places 4
  // and 5 are trained from 2, for which weights 0 would be 2 old.
  for (int place = 0; place < 4; ++place) {
    EXPECT_EQ(gate.oldest_version(), 0);
    ASSERT_EQ(gate.reserve(), Admission::kAdmit);
  }
  gate.commit();
  gate.commit();
  gate.consume(2, 2);
  EXPECT_EQ(gate.oldest_version(), 1);
  ASSERT_EQ(gate.reserve(), Admission::kAdmit);
}

// First in, first out, generations that take any time and some that die: no trajectory of a full
// batch is ever more than eta versions old when it is trained.
TEST(StalenessGate, NoOrderOfEventsExceedsTheBound) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    const int64_t batch = 4, eta = 2;
    StalenessGate gate({.batch_size = batch, .max_staleness = eta});
    std::vector<int64_t> flying, buffer;  // start versions, in order of admission
    for (int step = 0; step < 3000; ++step) {
      const uint64_t what = random() % 4;
      const int64_t oldest = gate.oldest_version();  // the worst a worker may do
      if (what <= 1 && gate.reserve() == Admission::kAdmit) flying.push_back(oldest);
      if (what == 2 && !flying.empty()) {
        if (random() % 10 == 0) {
          gate.rollback();
        } else {
          gate.commit();
          buffer.push_back(flying.front());
        }
        flying.erase(flying.begin());
      }
      if (what == 3 && static_cast<int64_t>(buffer.size()) >= batch) {
        for (int64_t i = 0; i < batch; ++i) EXPECT_LE(gate.version() - buffer[i], eta);
        buffer.erase(buffer.begin(), buffer.begin() + batch);
        gate.consume(batch, batch);
      }
    }
    EXPECT_GT(gate.version(), 50);
  }
}

}  // namespace
}  // namespace charter::rl
