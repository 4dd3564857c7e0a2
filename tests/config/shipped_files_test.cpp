#include <gtest/gtest.h>

#include <filesystem>

#include "config/run_config.hpp"

namespace charter::config {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(CHARTER_SOURCE_DIR) / "config";

class ShippedFile : public testing::TestWithParam<const char*> {};

TEST_P(ShippedFile, LoadsUnderItsOwnName) {
  const std::string name = GetParam();
  const RunConfig c = load_config(kFolder / (name + ".toml"), {}, "/model.gguf");
  EXPECT_EQ(c.run.name, name);
  EXPECT_EQ(c.models.base, "/model.gguf");
  EXPECT_EQ(to_toml(parse_config(to_toml(c), "printed", {}, "")), to_toml(c));
}

INSTANTIATE_TEST_SUITE_P(Config, ShippedFile, testing::Values("quickstart", "daemon", "paper"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Quickstart, IsLargeEnoughToShowEveryStage) {
  const RunConfig c = load_config(kFolder / "quickstart.toml", {}, "");
  EXPECT_GE(c.sl_generate.red_team_prompts, 24);
  EXPECT_GE(c.sl_generate.rounds, 2);
  EXPECT_GE(c.sl_generate.max_new_tokens, 48);
  EXPECT_LE(c.sl_generate.fewshot_max_tokens, 600);
  EXPECT_GE(c.sl_generate.helpful_prompts, 24);
  EXPECT_GE(c.label.comparisons, 48);
  EXPECT_GE(c.pm_train.pmp_pairs, 48);
  EXPECT_GE(c.pm_train.helpfulness_pairs + c.pm_train.harmlessness_pairs, 48);
  EXPECT_LE(c.pm_train.max_tokens, 96);
  EXPECT_GE(c.rl.updates, 8);
  EXPECT_GE(c.rl.batch, 8);
  EXPECT_GE(c.rl.max_new_tokens, 32);
  EXPECT_GE(c.eval.prompts, 24);
  EXPECT_TRUE(c.lora.enabled);
  ASSERT_TRUE(c.rl.online_pm);
  // Pairs drawn over the stage, in whole PM batches: 8 * 8 * 0.4 = 25.6 >= 2 * 8.
  EXPECT_GE(c.rl.updates * c.rl.batch * c.rl.pair_fraction, 2 * c.rl.pm_batch);
}

}  // namespace
}  // namespace charter::config
