#include "rl/batch.hpp"

#include <stdexcept>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

TEST(Batch, PadsOnTheRightAndMasks) {
  std::vector<ScoredTrajectory> list = {example(1, 1, 5, 2.0), example(2, 3, 4, -1.0)};
  list[1].trajectory.policy_versions = {4, 5, 6};
  const Batch batch = collate(list, 6);
  EXPECT_EQ(batch.tokens, 4);
  EXPECT_TRUE(at::equal(batch.mask, at::tensor({1, 0, 0, 1, 1, 1}).view({2, 3}).to(at::kBool)));
  EXPECT_TRUE(at::equal(batch.staleness, at::tensor({1, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.token_staleness[1], at::tensor({2, 1, 0}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.scores, at::tensor({2.0f, -1.0f})));
}

TEST(Batch, NamesTheDefectiveTrajectory) {
  std::vector<ScoredTrajectory> list = {example(1, 2), example(77, 2)};
  list[1].ref_logprobs.pop_back();
  try {
    (void)collate(list, 0);
    FAIL() << "expected an exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("work_id 77: ref_logprobs"), std::string::npos);
  }
}

TEST(Batch, ScatterIsTheInverseOfSelectingTheMask) {
  const at::Tensor mask = at::tensor({1, 1, 0, 1}).view({2, 2}).to(at::kBool);
  const at::Tensor table = scatter_tokens(doubles({7, 8, 9}), mask);
  expect_near(table, doubles({7, 8, 0, 9}).view({2, 2}));
  expect_near(table.masked_select(mask), doubles({7, 8, 9}));
}

}  // namespace
}  // namespace charter::rl
