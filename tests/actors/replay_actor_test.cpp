#include "actors/replay_actor.hpp"

#include <cmath>

#include "tests/actors/fixture.hpp"

namespace charter::actors {
namespace {

rl::ScoredTrajectory scored(int64_t work_id, int64_t version = 0) {
  return {.trajectory = {.work_id = work_id,
                         .lineage = 1,
                         .prompt = {5},
                         .response = {6, 7},
                         .behavior_logprobs = {-1, -2},
                         .policy_versions = {version, version},
                         .precision = "float32",
                         .finished = true},
          .score = 0.5,
          .ref_logprobs = {-1, -2}};
}

std::vector<int64_t> ids(const Batch& batch) {
  std::vector<int64_t> result;
  for (const auto& entry : batch.trajectories) result.push_back(entry.trajectory.work_id);
  return result;
}

class ReplayActorTest : public ActorTest {
 protected:
  void start(int64_t max_staleness, int64_t version = 0) {
    ledger.bind(Arrow::kRecord, 64);
    actor =
        system.spawn(replay_actor, wiring(),
                     ReplayActorOptions{.replay = {.capacity = 16, .max_staleness = max_staleness},
                                        .batch = 2,
                                        .lineage = 1,
                                        .version = version},
                     metrics::ReplayMetrics::make(registry, {}),
                     metrics::QueueMetrics::make(registry, {}, "replay"));
    reward.connect(Arrow::kScored);
    learner.connect(Arrow::kBatch);
    ASSERT_TRUE(ledger.up());
    ASSERT_TRUE(reward.up());
    ASSERT_TRUE(learner.up());
  }
  void TearDown() override {
    if (actor) finish(actor);
  }
  // True once the buffer owns it.
  bool insert(const rl::ScoredTrajectory& trajectory) {
    return reward.acked(reward.send(trajectory));
  }
  std::string state() { return probe(actor).state; }
  std::vector<int64_t> returned() {
    std::vector<int64_t> result;
    for (const auto& message : ledger.received<Returned>())
      result.insert(result.end(), message.work_ids.begin(), message.work_ids.end());
    return result;
  }

  ReplayActor actor;
  FarEnd ledger{far(), "ledger"}, reward{far(), "reward"}, learner{far(), "ppo_learner"};
};

TEST_F(ReplayActorTest, ABatchGoesOutOnlyWhenTheLearnerHasCredit) {
  start(1);
  ASSERT_TRUE(insert(scored(1)));
  ASSERT_TRUE(insert(scored(2)));
  EXPECT_EQ(state(), "2 buffered, version 0");
  learner.grant(1);
  ASSERT_TRUE(learner.wait_messages(1));
  EXPECT_EQ(ids(learner.received<Batch>().at(0)), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(state(), "0 buffered, version 0");
}

TEST_F(ReplayActorTest, SaysItsStateWhenItHasStartedAndAfterEachTrajectory) {
  start(1, /*version=*/3);
  EXPECT_TRUE(says("replay_buffer/0", "0 buffered, version 3"));
  ASSERT_TRUE(insert(scored(1, /*version=*/3)));
  EXPECT_TRUE(says("replay_buffer/0", "1 buffered, version 3"));
}

TEST_F(ReplayActorTest, ABatchIsNeverSmallerThanB) {
  start(1);
  learner.grant(1);
  ASSERT_TRUE(insert(scored(1)));
  EXPECT_EQ(state(), "1 buffered, version 0");
  ASSERT_TRUE(insert(scored(2)));
  ASSERT_TRUE(learner.wait_messages(1));
  const auto batch = learner.received<Batch>().at(0);
  ASSERT_EQ(batch.trajectories.size(), 2u);
  EXPECT_EQ(batch.trajectories[0].trajectory.response, (std::vector<int32_t>{6, 7}));
  EXPECT_EQ(batch.trajectories[0].ref_logprobs, (std::vector<float>{-1, -2}));
  EXPECT_EQ(batch.trajectories[0].score, 0.5);
}

TEST_F(ReplayActorTest, StaleTrajectoriesAreReturnedToTheLedger) {
  start(/*max_staleness=*/0, /*version=*/1);
  learner.grant(1);
  auto stale = scored(1, 0);  // 1 - 0 > 0
  stale.trajectory.ticket = 77;
  ASSERT_TRUE(insert(stale));
  ASSERT_TRUE(insert(scored(2, 1)));
  ASSERT_TRUE(insert(scored(3, 1)));
  ASSERT_TRUE(learner.wait_messages(1));
  EXPECT_EQ(ids(learner.received<Batch>().at(0)), (std::vector<int64_t>{2, 3}));
  ASSERT_TRUE(ledger.wait_messages(1));
  EXPECT_EQ(returned(), (std::vector<int64_t>{1}));
  EXPECT_EQ(ledger.received<Returned>().at(0).tickets, (std::vector<uint64_t>{77}));
}

TEST_F(ReplayActorTest, ABatchUnderWayCountsAsTheVersionItWillMake) {
  start(/*max_staleness=*/0);
  learner.grant(2);
  for (int64_t id : {1, 2}) ASSERT_TRUE(insert(scored(id, 0)));
  ASSERT_TRUE(learner.wait_messages(1));
  // The learner will be at version 1 when it takes the next batch: 1 - 0 > 0.
  for (int64_t id : {3, 4}) ASSERT_TRUE(insert(scored(id, 0)));
  ASSERT_TRUE(ledger.wait_messages(2));
  EXPECT_EQ(returned(), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(learner.received<Batch>().size(), 1u);
}

TEST_F(ReplayActorTest, TheVersionRisesWithEachAcknowledgedBatch) {
  start(/*max_staleness=*/1);
  learner.grant(2);
  for (int64_t id : {1, 2, 3, 4}) ASSERT_TRUE(insert(scored(id)));
  ASSERT_TRUE(learner.wait_messages(2));
  EXPECT_EQ(state(), "0 buffered, version 0");
  learner.acknowledge(0);
  EXPECT_TRUE(eventually([&] { return state() == "0 buffered, version 1"; }));
  learner.acknowledge(1);
  EXPECT_TRUE(eventually([&] { return state() == "0 buffered, version 2"; }));
}

TEST_F(ReplayActorTest, ADuplicateIsAcknowledgedAndSuppressed) {
  start(1);
  ASSERT_TRUE(insert(scored(1)));
  ASSERT_TRUE(insert(scored(1)));
  EXPECT_EQ(state(), "1 buffered, version 0");
  EXPECT_TRUE(returned().empty());
}

// A lease that was issued again makes a second answer to the same prompt, which may come after the
// first one went to the learner: a prompt is trained on once.
TEST_F(ReplayActorTest, ADuplicateOfWhatTheLearnerGotIsSuppressedToo) {
  start(1);
  learner.grant(2);
  for (int64_t id : {1, 2}) ASSERT_TRUE(insert(scored(id)));
  ASSERT_TRUE(learner.wait_messages(1));
  for (int64_t id : {1, 2}) ASSERT_TRUE(insert(scored(id)));
  EXPECT_EQ(state(), "0 buffered, version 0");
  EXPECT_EQ(learner.received<Batch>().size(), 1u);
  EXPECT_TRUE(returned().empty());
}

TEST_F(ReplayActorTest, WhatWasReturnedMayComeAgain) {
  start(/*max_staleness=*/0, /*version=*/1);
  learner.grant(1);
  for (int64_t id : {1, 2}) ASSERT_TRUE(insert(scored(id, 0)));
  ASSERT_TRUE(ledger.wait_messages(2));
  for (int64_t id : {1, 2}) ASSERT_TRUE(insert(scored(id, 1)));
  ASSERT_TRUE(learner.wait_messages(1));
  EXPECT_EQ(ids(learner.received<Batch>().at(0)), (std::vector<int64_t>{1, 2}));
}

TEST_F(ReplayActorTest, ADefectiveTrajectoryIsQuarantined) {
  start(1);
  auto broken = scored(1);
  broken.ref_logprobs[1] = NAN;
  broken.trajectory.ticket = 78;
  ASSERT_TRUE(insert(broken));
  EXPECT_EQ(state(), "0 buffered, version 0");
  ASSERT_TRUE(ledger.wait_messages(1));
  EXPECT_EQ(ledger.received<Quarantine>().at(0).work_id, 1);
  EXPECT_EQ(ledger.received<Quarantine>().at(0).ticket, 78u);
}

}  // namespace
}  // namespace charter::actors
