#include "actors/learner_batches.hpp"

#include "tests/actors/fixture.hpp"

namespace charter::actors {
namespace {

rl::ScoredTrajectory scored(int64_t work_id, int32_t token) {
  return {.trajectory = {.work_id = work_id,
                         .prompt = {1},
                         .response = {token},
                         .behavior_logprobs = {-1},
                         .policy_versions = {0}},
          .score = 0.5,
          .ref_logprobs = {-1}};
}

class LearnerBatchesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto base = std::make_shared<LoadedModel>();
    base->transformer.config.vocab_size = 100;
    state.base = base;
    state.work = WorkClient(&state.ports, {}, 1);
  }
  std::vector<int64_t> waiting() const {
    std::vector<int64_t> ids;
    for (const auto& batch : state.batches)
      for (const auto& entry : batch.message.trajectories) ids.push_back(entry.trajectory.work_id);
    return ids;
  }

  prometheus::Registry registry;
  metrics::LearnerMetrics metrics = metrics::LearnerMetrics::make(registry, {});
  LearnerState state;
};

TEST_F(LearnerBatchesTest, ATokenOutsideTheVocabularyIsTakenOutAndItsPromptQuarantined) {
  take_batch(state, {.message = Batch{{scored(1, 99), scored(2, 100), scored(3, 0)}}}, metrics);
  EXPECT_EQ(waiting(), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(metrics.dropped_schema.Value(), 1);
  EXPECT_EQ(state.work.unacknowledged(), 1u);  // the quarantine, on its way to the ledger
}

TEST_F(LearnerBatchesTest, ABatchOfWhichNothingIsLeftIsNotTrainedOn) {
  take_batch(state, {.message = Batch{{scored(1, 100), scored(2, -1)}}}, metrics);
  EXPECT_TRUE(state.batches.empty());
  EXPECT_EQ(metrics.dropped_schema.Value(), 2);
  EXPECT_EQ(state.work.unacknowledged(), 2u);
}

TEST_F(LearnerBatchesTest, AConversationThatCannotBeReadIsQuarantined) {
  take_example(state, {.work_id = 7, .kind = "sft", .payload = "{"});
  EXPECT_TRUE(state.examples.empty());
  EXPECT_EQ(state.work.unacknowledged(), 1u);
}

}  // namespace
}  // namespace charter::actors
