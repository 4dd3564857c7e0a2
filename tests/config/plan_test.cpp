#include "config/plan.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::config {
namespace {

TEST(Plan, CountsTheDefaultModelsCost) {
  const ModelSizes m;
  // A layer: q and o 2 * 576 * 576, k and v 2 * 576 * 192, three of 576 * 1536 = 3,538,944 weights;
  // times 30 layers and 2 FLOP: 212,336,640.
  EXPECT_NEAR(layer_gflop(m), 0.21233664, 1e-9);
  EXPECT_NEAR(head_gflop(m), 0.056623104, 1e-9);  // 2 * 49152 * 576
  // 30 * (3,538,944 + 1,152) + 576 + 49152 * 576 = 134,515,008, what the model's card says.
  EXPECT_EQ(parameters(m), 134515008);
}

TEST(Plan, NamesEveryStageInOrder) {
  std::string names;
  for (const StagePlan& s : plan(RunConfig{}, ModelSizes{}, 60)) names += s.stage + " ";
  EXPECT_EQ(names, "sl_generate sl_train label pm_train firewall rl eval report ");
}

TEST(Plan, CountsGeneratedTokensFromTheConfig) {
  const std::vector<StagePlan> stages = plan(RunConfig{}, ModelSizes{}, 60);
  // 24 prompts * (1 answer + 2 rounds * 2) * 48 + 24 helpful * 48 = 5760 + 1152.
  EXPECT_EQ(stages[0].tokens.decode, 6912);
  // 48 comparisons of two answers of 48.
  EXPECT_EQ(stages[2].tokens.decode, 4608);
  // 48 labels and 48 checks of the labeller, 2 * 48 of the evaluation's judge, by contrast:
  // 2 * (40 + 60) + 4 * 48 = 392 tokens each; 48 checks by choice: 100 + 2 * (90 + 96) = 472.
  EXPECT_EQ(stages[2].tokens.forward, 192 * 392 + 48 * 472);
  // 8 * 8 trajectories and 0.3 * 64 = 19 pairs of two, 32 tokens each: (64 + 38) * 32.
  EXPECT_EQ(stages[5].tokens.decode, 3264);
}

TEST(Plan, SecondsFallWithTheMachinesRate) {
  const auto slow = plan(RunConfig{}, ModelSizes{}, 30), fast = plan(RunConfig{}, ModelSizes{}, 60);
  for (size_t i = 0; i + 1 < slow.size(); ++i) {
    EXPECT_GT(slow[i].seconds, fast[i].seconds) << slow[i].stage;
    EXPECT_DOUBLE_EQ(slow[i].gflop, fast[i].gflop);
    EXPECT_GT(slow[i].memory_bytes, 0);
  }
}

TEST(Plan, FullTrainingTakesMoreThanAdapters) {
  RunConfig full;
  full.lora.enabled = false;
  const auto adapters = plan(RunConfig{}, ModelSizes{}, 60), all = plan(full, ModelSizes{}, 60);
  EXPECT_GT(all[1].seconds, adapters[1].seconds);
  EXPECT_GT(all[1].memory_bytes, adapters[1].memory_bytes);
  EXPECT_GT(all[5].disk_bytes, adapters[5].disk_bytes);
}

TEST(Plan, CountsTheSnapshotsOfRl) {
  RunConfig c;
  c.rl.online_pm = false;
  // Of a block: q and o (576 + 576) * 2, k and v (576 + 192) * 2, three of 576 + 1536: 10,176 times
  // rank 8 and 30 layers = 2,442,240; with a head of 577 and 4 bytes each 9,771,268. 14 * 31
  // descriptions of 512 bytes: 222,208. Four versions kept, one written, one told: 6 * 9,993,476.
  EXPECT_EQ(snapshot_bytes(c, ModelSizes{}), 59960856);
  c.rl.online_pm = true;
  EXPECT_EQ(snapshot_bytes(c, ModelSizes{}), 2 * 59960856);
  c.rl.online_pm = false;
  c.lora.enabled = false;
  // 4 * (134,515,008 + 577) + 222,208 = 538,284,548.
  EXPECT_EQ(snapshot_bytes(c, ModelSizes{}), 6 * int64_t{538284548});
}

TEST(Plan, RefusesARateThatIsNotPositive) {
  EXPECT_THROW((void)plan(RunConfig{}, ModelSizes{}, 0), std::invalid_argument);
}

}  // namespace
}  // namespace charter::config
