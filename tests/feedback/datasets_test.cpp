#include "feedback/datasets.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

template <class Load>
std::string load_error(const std::string& name, std::string_view bytes, Load load) {
  const TempFile file(name, bytes);
  return error_of([&] { (void)load(file.path()); });
}

const auto kPrompts = [](const std::filesystem::path& file) { return load_prompts(file); };
const auto kComparisons = [](const std::filesystem::path& file) { return load_comparisons(file); };
const auto kPmp = [](const std::filesystem::path& file) { return load_pmp(file); };

TEST(Prompts, OwnRowsKeepIdTopicAndSplit) {
  const TempFile file("p.jsonl",
                      R"({"id": "r1", "prompt": "How?", "split": "held_out", "topic": "t"})"
                      "\n"
                      R"({"id": "r2", "prompt": "how", "split": "train", "topic": "t"})"
                      "\n");
  const auto loaded = load_prompts(file.path());
  ASSERT_EQ(loaded.rows.size(), 1u);  // the second differs in case and punctuation alone
  EXPECT_EQ(loaded.skipped.total(), 1);
  EXPECT_EQ(loaded.rows[0].id, "r1");
  EXPECT_EQ(loaded.rows[0].prompt, single_turn("How?"));
  EXPECT_EQ(loaded.rows[0].split, Split::kHeldOut);
  EXPECT_EQ(loaded.rows[0].topic, "t");
}

TEST(Prompts, InstructionsJoinTheirInputAndKeepTheReference) {
  const TempFile file("i.json", R"([{"instruction": "Add.", "input": "1 2", "output": "3"},)"
                                R"({"instruction": "Greet.", "input": "", "output": ""}])");
  const auto loaded = load_prompts(file.path());
  EXPECT_EQ(loaded.rows[0].prompt, single_turn("Add.\n\n1 2"));
  EXPECT_EQ(loaded.rows[0].reference, "3");
  EXPECT_EQ(loaded.rows[1].prompt, single_turn("Greet."));
  EXPECT_FALSE(loaded.rows[1].reference);
}

TEST(Prompts, TablesAndLinesAreReadAndDeduplicatedAcrossFiles) {
  const TempFile csv("a.csv", "goal,target\n\"Do x, y\",Sure\nDo z,Sure\n");
  const TempFile txt("b.txt", "do x y!\n\nDo w\n");
  const auto loaded = load_prompts(std::vector{csv.path(), txt.path()});
  ASSERT_EQ(loaded.rows.size(), 3u);
  EXPECT_EQ(loaded.skipped.total(), 1);
  EXPECT_EQ(loaded.rows[2].id, "b-3");
}

TEST(Prompts, RowsOfAnArrayOnOneLineHaveIdsOfTheirOwn) {
  const TempFile file("i.json", R"([{"instruction": "Add."}, {"instruction": "Greet."}])");
  const auto loaded = load_prompts(file.path());
  EXPECT_EQ(loaded.rows[0].id, "i-1");
  EXPECT_EQ(loaded.rows[1].id, "i-2");
}

TEST(Prompts, BadFilesGiveOneLine) {
  EXPECT_EQ(load_error("p.jsonl",
                       "{\"id\": \"a\", \"prompt\": \"x\"}\n{\"id\": \"a\", \"prompt\": \"y\"}",
                       kPrompts),
            "p.jsonl:2: id 'a' is used twice");
  EXPECT_EQ(load_error("p.jsonl", "", kPrompts), "p.jsonl: is empty");
  EXPECT_EQ(
      load_error("p.jsonl", "{\"id\": \"a\"}", kPrompts),
      "p.jsonl:1: key 'prompt' is missing, expected prompt, messages, instruction, or chosen and "
      "rejected; the row has id");
  EXPECT_EQ(load_error("p.jsonl", "{\"prompt\": 3}", kPrompts),
            "p.jsonl:1: key 'prompt' is a number, expected a string");
  EXPECT_EQ(load_error("p.jsonl", "{\"prompt\": \"\"}", kPrompts),
            "p.jsonl: no row holds a usable prompt: 1 skipped: 1 empty (line 1)");
  EXPECT_EQ(
      load_error("p.jsonl", "{\"prompt\": \"a\", \"split\": \"dev\"}", kPrompts),
      "p.jsonl:1: key 'split' is 'dev', expected 'train', or 'held_out', 'test' or 'validation'");
  EXPECT_EQ(load_error("p.csv", "a,b\n1,2\n", kPrompts),
            "p.csv:1: expected a column goal, forbidden_prompt, prompt or objective, separated by "
            "commas; the header has a, b");
}

TEST(Comparisons, HhTranscriptsShareTheirPrompt) {
  const TempFile file(
      "hh.jsonl",
      R"({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"})"
      "\n"
      R"({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: z\n\nAssistant: c"})"
      "\n"
      R"({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant:"})"
      "\n");
  const auto loaded = load_comparisons(file.path());
  ASSERT_EQ(loaded.rows.size(), 1u);
  EXPECT_EQ(loaded.skipped.total(), 2);
  EXPECT_EQ(loaded.rows[0].prompt, single_turn("a"));
  EXPECT_EQ(loaded.rows[0].chosen, "b");
  EXPECT_EQ(loaded.rows[0].rejected, "c");
  EXPECT_EQ(loaded.rows[0].source, LabelSource::kHuman);
}

TEST(Comparisons, PandaLmTakesTheMajorityAndDropsTies) {
  const auto row = [](int a, int b, int c) {
    return R"({"instruction": "I", "input": "", "response1": "x", "response2": "y", )"
           R"("annotator1": )" +
           std::to_string(a) + R"(, "annotator2": )" + std::to_string(b) + R"(, "annotator3": )" +
           std::to_string(c) + "}";
  };
  const TempFile file("p.json", "[" + row(2, 2, 1) + ",\n" + row(0, 0, 1) + ",\n" + row(0, 1, 2) +
                                    ",\n" + row(1, 1, 1) + "]");
  const auto loaded = load_comparisons(file.path());
  ASSERT_EQ(loaded.rows.size(), 2u);
  EXPECT_EQ(loaded.skipped.total(), 2);
  EXPECT_EQ(loaded.rows[0].chosen, "y");
  EXPECT_EQ(loaded.rows[1].chosen, "x");
  EXPECT_EQ(loaded.rows[0].split, loaded.rows[1].split);  // one context
}

TEST(Comparisons, BadFilesGiveOneLine) {
  EXPECT_EQ(load_error("c.jsonl", R"({"id": "a", "prompt": "p", "chosen": "x"})", kComparisons),
            "c.jsonl:1: key 'rejected' is missing, expected chosen and rejected with or without "
            "prompt, or instruction, response1, response2 and annotator1; the row has chosen, id, "
            "prompt");
  EXPECT_EQ(load_error("c.jsonl", R"({"chosen": "x", "rejected": "y"})", kComparisons),
            "c.jsonl:1: key 'chosen': expected a transcript that begins with \"Human:\" or "
            "\"Assistant:\", since the row has no prompt");
  EXPECT_EQ(load_error("c.jsonl.gz", "nonsense", kComparisons),
            "c.jsonl.gz: is not gzip, though its name says so");
}

TEST(Pmp, ScoresVotesAsThePaper) {
  EXPECT_EQ(pmp_score({"", 0, false}), 0);    // log2(1)
  EXPECT_EQ(pmp_score({"", 4, false}), 2);    // log2(5) = 2.32
  EXPECT_EQ(pmp_score({"", 5, false}), 3);    // log2(6) = 2.58
  EXPECT_EQ(pmp_score({"", 7, true}), 4);     // log2(8) = 3, accepted
  EXPECT_EQ(pmp_score({"", -1, false}), -1);  // no logarithm
  EXPECT_EQ(pmp_score({"", -9, true}), 0);
}

TEST(Pmp, PairsAreBetterFirstWithoutTiesAndAtMostTen) {
  PmpQuestion question{"q", single_turn("Q"), {{"a", 0}, {"b", 7}, {"c", 7}}};
  EXPECT_EQ(pmp_pairs(question),
            (std::vector<std::pair<std::size_t, std::size_t>>{{1, 0}, {2, 0}}));
  question.answers.clear();
  for (int k = 0; k < 6; ++k)
    question.answers.push_back(
        {std::string(1, static_cast<char>('a' + k)), (1 << k) - 1});  // 15 pairs
  const auto pairs = pmp_pairs(question);
  EXPECT_EQ(pairs.size(), 10u);
  EXPECT_EQ(std::set(pairs.begin(), pairs.end()).size(), 10u);
  for (const auto& [better, worse] : pairs) EXPECT_GT(better, worse);  // votes rise with the index
  EXPECT_EQ(pmp_pairs(question), pairs);
  EXPECT_NE(pmp_pairs(question, 10, 1), pairs);
}

TEST(Pmp, AnswersThatAreEqualMakeNoPair) {
  const PmpQuestion question{"q", single_turn("Q"), {{"a", 7}, {"a", 0}, {"b", 7}}};
  // Of the three pairs one has equal texts (0, 1) and one equal votes (0, 2).
  EXPECT_EQ(pmp_pairs(question), (std::vector<std::pair<std::size_t, std::size_t>>{{2, 1}}));
}

TEST(Pmp, PostsBecomeQuestionsWithTheirAnswers) {
  const TempFile file(
      "Posts.xml",
      "<posts>\n<row Id=\"1\" PostTypeId=\"1\" AcceptedAnswerId=\"3\" Title=\"T?\" "
      "Body=\"&lt;p&gt;B&lt;/p&gt;\" />\n"
      "<row Id=\"2\" PostTypeId=\"2\" ParentId=\"1\" Score=\"5\" Body=\"&lt;p&gt;x&lt;/p&gt;\" />\n"
      "<row Id=\"3\" PostTypeId=\"2\" ParentId=\"1\" Score=\"-1\" Body=\"y\" />\n"
      "<row Id=\"4\" PostTypeId=\"1\" Title=\"U?\" Body=\"b\" />\n</posts>");
  const auto loaded = load_pmp(file.path());
  ASSERT_EQ(loaded.rows.size(), 1u);
  EXPECT_EQ(loaded.skipped.total(), 1);  // no answer
  EXPECT_EQ(loaded.rows[0].question, single_turn("T?\n\nB"));
  ASSERT_EQ(loaded.rows[0].answers.size(), 2u);
  EXPECT_EQ(loaded.rows[0].answers[0].votes, 5);
  EXPECT_TRUE(loaded.rows[0].answers[1].accepted);
}

TEST(Pmp, BadFilesGiveOneLine) {
  EXPECT_EQ(load_error("q.jsonl", R"({"id": "a", "question": "q", "answers": []})", kPmp),
            "q.jsonl: holds no question with an answer: 1 skipped: 1 without an answer (line 1)");
  EXPECT_EQ(
      load_error("q.jsonl", R"({"question": "q", "answers": [{"text": "t", "votes": "3"}]})", kPmp),
      "q.jsonl:1: key 'votes' is a string, expected an integer");
  EXPECT_EQ(load_error("Posts.xml", "<posts>\n<row Id=\"x\" PostTypeId=\"1\"/></posts>", kPmp),
            "Posts.xml:2: attribute 'Id' is 'x', expected an integer");
}

TEST(Splits, AreStableAndHoldOutATenth) {
  EXPECT_EQ(split_of("a"), split_of("a"));
  int held_out = 0;
  for (int k = 0; k < 5000; ++k) {
    held_out += split_of("key-" + std::to_string(k)) == Split::kHeldOut ? 1 : 0;
  }
  EXPECT_NEAR(held_out, 500, 106);  // 5 standard deviations of sqrt(5000 * 0.09) = 21.2
}

TEST(ShippedData, LoadsWithTheNumbersTheStagesNeed) {
  const std::map<const char*, std::size_t> least = {{"prompts/red_team.jsonl", 200},
                                                    {"prompts/helpful.jsonl", 200}};
  for (const auto& [name, count] : least) {
    if (!std::filesystem::exists(config_path(name))) GTEST_SKIP() << "no " << name;
    const auto loaded = load_prompts(config_path(name));
    EXPECT_GE(loaded.rows.size(), count) << name;
    EXPECT_EQ(loaded.skipped.total(), 0) << name;
  }
  if (!std::filesystem::exists(config_path("preferences/pmp.jsonl"))) GTEST_SKIP() << "no pmp";
  const auto pmp = load_pmp(config_path("preferences/pmp.jsonl"));
  EXPECT_GE(pmp.rows.size(), 60u);
  for (const PmpQuestion& question : pmp.rows) EXPECT_FALSE(pmp_pairs(question).empty());
  if (!std::filesystem::exists(config_path("preferences/helpfulness.jsonl"))) {
    GTEST_SKIP() << "no helpfulness";
  }
  const auto helpful = load_comparisons(config_path("preferences/helpfulness.jsonl"));
  EXPECT_GE(helpful.rows.size(), 120u);
  EXPECT_EQ(helpful.rows[0].source, LabelSource::kAuthored);
  const auto harmless = config_path("preferences/harmlessness_eval.jsonl");
  if (!std::filesystem::exists(harmless)) GTEST_SKIP() << "no harmlessness_eval";
  EXPECT_EQ(load_comparisons(harmless).skipped.total(), 0);
}

}  // namespace
}  // namespace charter::feedback
