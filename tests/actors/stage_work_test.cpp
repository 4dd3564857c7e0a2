// Work made of the shipped data files.
#include "actors/stage_work.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "actors/work.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

using nlohmann::json;

class StageWork : public testing::Test {
 protected:
  StageWork() {
    context.paths.run = dir.path();
    context.data = std::filesystem::path(CHARTER_SOURCE_DIR) / "config";
  }
  std::vector<store::WorkItem> work(const char* phase) {
    return stage_work(context, ledger, find_phase(context.config, phase));
  }
  // An answer of the evaluation.
  void answer(const std::string& prompt, const std::string& snapshot, const std::string& text) {
    const store::WorkItem item{"eval_generate", "eval", snapshot + "/" + prompt, 0, "{}"};
    (void)ledger.add_work({&item, 1});
    const ResponseRecord r{
        .prompt_id = prompt, .prompt = "Q", .snapshot = snapshot, .response = text};
    (void)ledger.record({.work_id = ++items, .kind = "eval", .body = json(r).dump()});
  }

  store::TempDir dir;
  store::Ledger ledger = store::Ledger::open(dir.path() / "ledger.sqlite", "run");
  NodeContext context;
  int64_t items = 0;
};

TEST_F(StageWork, ChecksTheLabellerInBothMethodsAndTheEvaluationsJudgeInBothPurposes) {
  context.config.label.check_pairs = 3;
  context.config.label.method = "likelihood_contrast";
  std::map<std::string, int> count;
  std::map<std::string, std::set<std::string>> pairs;
  std::set<std::string> ids;
  for (const auto& item : work("judge_check")) {
    const auto w = json::parse(item.payload).get<ComparisonWork>();
    ++count[w.purpose + ", " + w.method];
    pairs[w.purpose].insert(w.comparison_id);
    ids.insert(item.prompt_id);
    EXPECT_TRUE(w.p_first == 0 || w.p_first == 1) << item.payload;
  }
  EXPECT_EQ(count, (std::map<std::string, int>{{"check, likelihood_contrast", 3},
                                               {"check, multiple_choice", 3},
                                               {"check_harmlessness, likelihood_contrast", 3},
                                               {"check_helpfulness, likelihood_contrast", 3}}));
  EXPECT_EQ(pairs["check"], pairs["check_harmlessness"]);  // accuracies that can be compared
  EXPECT_EQ(ids.size(), 12u);                              // the ledger takes an id once
}

// Every prompt changes its side: what has been trained on stays out of the evaluation.
TEST_F(StageWork, APromptOfAChangedFileIsNeverTrainedOnAndEvaluated) {
  const auto file = dir.path() / "red.jsonl";
  const auto write = [&](bool swapped) {
    std::ofstream out(file);
    for (int i = 0; i < 20; ++i)
      out << json{{"id", std::to_string(i)},
                  {"prompt", "Prompt " + std::to_string(i) + "?"},
                  {"split", (i < 10) != swapped ? "train" : "held_out"}}
          << "\n";
  };
  write(false);
  context.config.data.red_team = file.string();
  context.config.sl_generate.red_team_prompts = 4;
  context.config.eval.prompts = 40;
  (void)ledger.add_work(work("sl_generate"));
  const auto red_team = [&](const char* phase) {
    std::set<std::string> prompts;
    for (const auto& item : work(phase)) {
      const auto w = json::parse(item.payload).get<PromptWork>();
      if (w.group == "red_team") prompts.insert(w.prompt);
    }
    return prompts;
  };
  const auto trained = red_team("sl_generate");
  ASSERT_EQ(trained.size(), 4u);
  EXPECT_EQ(red_team("eval_generate").size(), 10u);
  write(true);
  const auto evaluated = red_team("eval_generate");
  EXPECT_EQ(evaluated.size(), 6u);  // of ten that are held out there, four were trained on
  for (const auto& prompt : trained) EXPECT_FALSE(evaluated.contains(prompt)) << prompt;
  // The work that was begun stands, and no more is begun beside it.
  EXPECT_EQ(ledger.fill_work(work("sl_generate")), 0u);
  std::vector<std::string> notes;
  (void)stage_work(context, ledger, find_phase(context.config, "eval_generate"), &notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0], "data.red_team: 4 held-out rows ask what was trained on; they are left out");
}

TEST_F(StageWork, TheEvaluationJudgesOnlyPairsWithSomethingToPrefer) {
  answer("differs", "base", "a"), answer("differs", "rl_cai", "b");
  answer("identical", "base", "a"), answer("identical", "rl_cai", "a");
  answer("empty", "base", ""), answer("empty", "rl_cai", "b");
  const auto items = work("eval_judge");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].prompt_id, "differs/base/rl_cai");
}

}  // namespace
}  // namespace charter::actors
