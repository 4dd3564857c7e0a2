#include "actors/used_prompts.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "actors/work.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

using feedback::Split;

class UsedPromptsTest : public testing::Test {
 protected:
  template <class Work>
  void add(const std::string& stage, const std::string& kind, const Work& work) {
    const store::WorkItem item{stage, kind, std::to_string(++items), 0,
                               nlohmann::json(work).dump()};
    ASSERT_EQ(ledger.add_work({&item, 1}), 1u);
  }
  static std::string asked(const std::string& text) {
    return feedback::render(feedback::single_turn(text));
  }
  static bool allows(const UsedPrompts& used, const std::string& text, Split split) {
    return used.allows(feedback::single_turn(text), split);
  }

  store::TempDir dir;
  store::Ledger ledger = store::Ledger::open(dir.path() / "ledger.sqlite", "run");
  int items = 0;
};

TEST_F(UsedPromptsTest, WhatWasTrainedOnMayNotBeHeldOutAndTheOtherWayRound) {
  add("sl_generate", "sl_chain", PromptWork{.prompt = asked("Chain?"), .group = "red_team"});
  add("label", "pair", PromptWork{.prompt = asked("Pair?"), .group = "red_team"});
  add("rl", "rollout", PromptWork{.prompt = asked("Roll?"), .group = "red_team"});
  add("eval_generate", "eval", PromptWork{.prompt = asked("Eval?"), .group = "red_team"});
  add("firewall", "activation",
      PromptWork{.prompt = asked("Wall?"), .group = "red_team", .split = "held_out"});
  add("firewall", "activation",
      PromptWork{.prompt = asked("Fit?"), .group = "helpful", .split = "train"});
  const auto red_team = UsedPrompts::of_prompts(ledger, "red_team");
  for (const char* text : {"Chain?", "Pair?", "Roll?"}) {
    EXPECT_TRUE(allows(red_team, text, Split::kTrain)) << text;
    EXPECT_FALSE(allows(red_team, text, Split::kHeldOut)) << text;
  }
  for (const char* text : {"Eval?", "Wall?"}) {
    EXPECT_FALSE(allows(red_team, text, Split::kTrain)) << text;
    EXPECT_TRUE(allows(red_team, text, Split::kHeldOut)) << text;
  }
  EXPECT_FALSE(allows(red_team, "  chain", Split::kHeldOut));  // without case and punctuation
  EXPECT_TRUE(allows(red_team, "Chained?", Split::kHeldOut));
  EXPECT_TRUE(allows(red_team, "Fit?", Split::kHeldOut));  // another file's
  EXPECT_FALSE(allows(UsedPrompts::of_prompts(ledger, "helpful"), "Fit?", Split::kHeldOut));
}

TEST_F(UsedPromptsTest, ComparisonsAreToldApartByWhatTheyAnswer) {
  add("pm_train", "preference",
      ComparisonWork{.prompt = asked("Learned?"), .purpose = "helpfulness"});
  add("pm_train", "preference", ComparisonWork{.prompt = asked("AI?"), .purpose = "harmlessness"});
  add("pm_score", "score", ComparisonWork{.prompt = asked("Scored?"), .purpose = "helpfulness"});
  add("judge_check", "judge",
      ComparisonWork{.prompt = asked("Judged?"), .purpose = "check_helpfulness"});
  const auto used = UsedPrompts::of_comparisons(ledger);
  EXPECT_FALSE(allows(used, "Learned?", Split::kHeldOut));
  EXPECT_TRUE(allows(used, "AI?", Split::kHeldOut));
  EXPECT_FALSE(allows(used, "Scored?", Split::kTrain));
  EXPECT_FALSE(allows(used, "Judged?", Split::kTrain));
  EXPECT_TRUE(allows(used, "Judged?", Split::kHeldOut));
}

}  // namespace
}  // namespace charter::actors
