// Loaders against the public research data beside the project: numbers of
// ../shared/data/SOURCES.md.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "feedback/datasets.hpp"
#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

TEST(RealData, StackExchangeHoldsItsQuestionsAnswersAndPairs) {
  std::size_t questions = 0, answers = 0, all_pairs = 0, pairs = 0;
  for (const char* site : {"beer.stackexchange", "matheducators.stackexchange"}) {
    const auto file = shared_data("stackexchange") / site / "Posts.xml";
    CHARTER_NEED_DATA(file);
    const auto loaded = load_pmp(file);
    questions += loaded.rows.size() + static_cast<std::size_t>(loaded.skipped.total());
    for (const PmpQuestion& question : loaded.rows) {
      answers += question.answers.size();
      all_pairs += pmp_pairs(question, 1000000).size();
      pairs += pmp_pairs(question).size();
      ASSERT_EQ(render(question.question).find("<p>"), std::string::npos) << question.id;
    }
  }
  EXPECT_EQ(questions, 1060u);
  EXPECT_EQ(answers, 3079u);
  EXPECT_EQ(all_pairs, 4901u);
  EXPECT_EQ(pairs, 2738u);
  std::cout << "stack exchange: " << all_pairs << " pairs, " << pairs << " at 10 a question\n";
}

TEST(RealData, HhRlhfGivesComparisonsAndPrompts) {
  const auto file = shared_data("hh-rlhf/harmless-base.jsonl.gz");
  CHARTER_NEED_DATA(file);
  const auto comparisons = load_comparisons(file);
  EXPECT_EQ(comparisons.rows.size() + static_cast<std::size_t>(comparisons.skipped.total()), 1600u);
  EXPECT_GT(comparisons.rows.size(), 1500u);
  const auto prompts = load_prompts(file);
  EXPECT_EQ(prompts.rows.size() + static_cast<std::size_t>(prompts.skipped.total()), 1600u);
  for (const PromptRow& row : prompts.rows) ASSERT_EQ(row.prompt.size(), 1u);
  std::cout << "hh-rlhf: " << comparisons.rows.size() << " comparisons ("
            << comparisons.skipped.text() << "), " << prompts.rows.size() << " distinct prompts\n";
}

TEST(RealData, PandaLmIsSplitByContext) {
  const auto file = shared_data("pandalm/testset-part.json");
  CHARTER_NEED_DATA(file);
  const auto loaded = load_comparisons(file);
  std::map<std::string, std::set<Split>> splits;
  for (const ComparisonRow& row : loaded.rows) splits[render(row.prompt)].insert(row.split);
  EXPECT_EQ(loaded.rows.size(), 566u);
  EXPECT_EQ(splits.size(), 107u);  // of 120: the others have only ties
  for (const auto& [context, seen] : splits) EXPECT_EQ(seen.size(), 1u) << context;
  std::cout << "pandalm: " << loaded.rows.size() << " comparisons of " << splits.size()
            << " contexts, " << loaded.skipped.text() << "\n";
}

TEST(RealData, RedTeamPromptsAndInstructionsLoad) {
  CHARTER_NEED_DATA(shared_data("red-team/advbench.csv"));
  const auto rows = [](const char* name) {
    const auto loaded = load_prompts(shared_data(name));
    return loaded.rows.size() + static_cast<std::size_t>(loaded.skipped.total());
  };
  EXPECT_EQ(rows("red-team/advbench.csv"), 520u);
  EXPECT_EQ(rows("red-team/malicious_instruct.txt"), 100u);
  EXPECT_EQ(rows("red-team/strongreject.csv"), 313u);
  EXPECT_EQ(rows("instructions/instruction-data.json"), 1100u);
  const auto all = load_prompts(std::vector{shared_data("red-team/advbench.csv"),
                                            shared_data("red-team/malicious_instruct.txt"),
                                            shared_data("red-team/strongreject.csv")});
  EXPECT_LT(all.rows.size(), 933u);
  EXPECT_GT(all.rows.size(), 800u);
}

}  // namespace
}  // namespace charter::feedback
