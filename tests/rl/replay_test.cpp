#include "rl/replay.hpp"

#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

std::vector<int64_t> ids(const ReplayBatch& batch) {
  std::vector<int64_t> result;
  for (const auto& scored : batch.trajectories) result.push_back(scored.trajectory.work_id);
  return result;
}

void fill(ReplayBuffer& buffer, std::vector<std::pair<int64_t, int64_t>> id_and_version) {
  for (const auto& [id, version] : id_and_version) {
    ASSERT_EQ(buffer.insert(example(id, 2, version)), InsertResult::kInserted);
  }
}

TEST(Replay, GivesABatchInOrderOfArrivalOrNothing) {
  ReplayBuffer buffer({.capacity = 4, .max_staleness = 9});
  fill(buffer, {{1, 3}, {2, 1}});
  EXPECT_TRUE(buffer.sample(3, 0, 3).trajectories.empty());
  EXPECT_EQ(buffer.size(), 2);
  fill(buffer, {{3, 2}});
  const ReplayBatch batch = buffer.sample(2, 0, 3);
  EXPECT_EQ(ids(batch), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(buffer.size(), 1);
}

TEST(Replay, DropsWhatMayNotBeTrainedAndSaysWhy) {
  ReplayBuffer buffer({.max_staleness = 2});
  fill(buffer, {{1, 2}, {2, 5}, {3, 6}});
  ScoredTrajectory foreign = example(4, 2, 5);
  foreign.trajectory.lineage = 7;
  ASSERT_EQ(buffer.insert(foreign), InsertResult::kInserted);
  const ReplayBatch batch = buffer.sample(1, 0, 5);
  EXPECT_EQ(ids(batch), (std::vector<int64_t>{2}));
  ASSERT_EQ(batch.dropped.size(), 3u);
  EXPECT_EQ(batch.dropped[0].work_id, 1);
  EXPECT_EQ(batch.dropped[0].reason, Admission::kStale);
  EXPECT_EQ(batch.dropped[1].reason, Admission::kFuture);
  EXPECT_EQ(batch.dropped[2].reason, Admission::kOtherLineage);
}

TEST(Replay, RefusesWhatIsDefectiveDoubleOrTooMuch) {
  ReplayBuffer buffer({.capacity = 1});
  ScoredTrajectory bad = example(1, 2);
  bad.ref_logprobs.clear();
  EXPECT_EQ(buffer.insert(bad), InsertResult::kDefective);
  fill(buffer, {{1, 0}});
  EXPECT_EQ(buffer.insert(example(1, 2)), InsertResult::kDuplicate);
  EXPECT_EQ(buffer.insert(example(2, 2)), InsertResult::kFull);
  EXPECT_THROW((void)buffer.sample(2, 0, 0), std::invalid_argument);
  EXPECT_THROW(ReplayBuffer({.capacity = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::rl
