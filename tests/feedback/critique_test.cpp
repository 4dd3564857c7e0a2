#include "feedback/critique.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::feedback {
namespace {

Constitution one_principle() {
  Constitution c;
  c.critiques.push_back({"only", "Find harm.", "Fix it."});
  return c;
}

const Constitution kOne = one_principle();
const std::vector<CritiqueExample> kNone;
const Conversation kPrompt = single_turn("How?");

// One token a byte.
std::int64_t bytes(std::string_view text) { return static_cast<std::int64_t>(text.size()); }

TEST(CritiqueChain, AsksInThePapersBytes) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {.rounds = 1});
  ASSERT_TRUE(chain.next());
  EXPECT_EQ(chain.next()->text, "\n\nHuman: How?\n\nAssistant:");
  EXPECT_EQ(chain.next()->step, ChainStep::kInitial);
  EXPECT_EQ(chain.next()->stop, chain_stop_strings());
  chain.accept(" Like this.");
  EXPECT_EQ(chain.next()->text,
            "\n\nHuman: How?\n\nAssistant: Like this.\n\nCritiqueRequest: Find harm.\n\nCritique:");
  EXPECT_EQ(chain.next()->step, ChainStep::kCritique);
  EXPECT_EQ(chain.next()->round, 1);
  EXPECT_EQ(chain.next()->principle_id, "only");
  chain.accept(" It harms.");
  EXPECT_EQ(chain.next()->text,
            "\n\nHuman: How?\n\nAssistant: Like this.\n\nCritiqueRequest: Find harm.\n\nCritique: "
            "It harms.\n\nRevisionRequest: Fix it.\n\nRevision:");
  EXPECT_EQ(chain.next()->step, ChainStep::kRevision);
  chain.accept(" Gently.");
  EXPECT_TRUE(chain.done());
  EXPECT_FALSE(chain.next());
  EXPECT_EQ(chain.result().initial, "Like this.");
  ASSERT_EQ(chain.result().rounds.size(), 1u);
  EXPECT_EQ(chain.result().rounds[0].critique, "It harms.");
  EXPECT_EQ(chain.result().rounds[0].revision, "Gently.");
}

TEST(CritiqueChain, TheNextRoundSeesOnlyThePromptAndTheLastRevision) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {.rounds = 2});
  for (const char* sample : {" r0", " c1", " r1"}) chain.accept(sample);
  EXPECT_EQ(chain.next()->text,
            "\n\nHuman: How?\n\nAssistant: r1\n\nCritiqueRequest: Find harm.\n\nCritique:");
  EXPECT_EQ(chain.next()->round, 2);
}

TEST(CritiqueChain, RenderingAndParsingOfARevisedConversationAgree) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {.rounds = 1});
  for (const char* sample : {"r0", "\nc1 \n", "  r1\n\n"}) chain.accept(sample);
  EXPECT_EQ(chain.result().rounds[0].critique, "c1");
  EXPECT_EQ(chain.result().rounds[0].revision, "r1");
}

TEST(CritiqueChain, CutsASampleAtItsFirstStopString) {
  EXPECT_EQ(clean_sample(" a\n\nHuman: b\n\nCritiqueRequest: c"), "a");
  EXPECT_EQ(clean_sample("\n\nRevisionRequest: a"), "");
  EXPECT_EQ(clean_sample(" a\n\nb "), "a\n\nb");
}

TEST(CritiqueChain, AnEmptyInitialResponseEndsTheChain) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {});
  chain.accept(" \n");
  EXPECT_TRUE(chain.done());
  EXPECT_TRUE(chain.result().rounds.empty());
  EXPECT_EQ(chain.result().empty_outputs, 1);
  EXPECT_THROW(chain.accept("late"), std::logic_error);
}

TEST(CritiqueChain, AnEmptyCritiqueMakesTheRoundADirectRevision) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {.rounds = 1});
  chain.accept("r0");
  chain.accept("");
  EXPECT_EQ(chain.next()->text,
            "\n\nHuman: How?\n\nAssistant: r0\n\nRevisionRequest: Fix it.\n\nRevision:");
  chain.accept("r1");
  EXPECT_EQ(chain.result().rounds[0].critique, "");
  EXPECT_EQ(chain.result().rounds[0].revision, "r1");
}

TEST(CritiqueChain, AnEmptyRevisionKeepsTheResponse) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {.rounds = 2});
  for (const char* sample : {"r0", "c1", "", "c2", "r2"}) chain.accept(sample);
  ASSERT_EQ(chain.result().rounds.size(), 2u);
  EXPECT_TRUE(chain.result().rounds[0].kept);
  EXPECT_EQ(chain.result().rounds[0].revision, "r0");
  EXPECT_FALSE(chain.result().rounds[1].kept);
  EXPECT_EQ(chain.result().rounds[1].revision, "r2");
}

TEST(CritiqueChain, DirectRevisionSkipsEveryCritique) {
  const std::vector<CritiqueExample> examples = {{"<with>", "<without>"}};
  CritiqueChain chain(kPrompt, &kOne, &examples, {.rounds = 1, .with_critique = false});
  chain.accept("r0");
  EXPECT_EQ(chain.next()->step, ChainStep::kRevision);
  EXPECT_TRUE(chain.next()->text.starts_with("<without>\n\nHuman: How?"));
  chain.accept("r1");
  EXPECT_TRUE(chain.done());
}

TEST(CritiqueChain, ExamplesPrecedeTheConversationButNotTheInitialResponse) {
  const std::vector<CritiqueExample> examples = {{"<1>", ""}, {"<2>", ""}};
  CritiqueChain chain(kPrompt, &kOne, &examples, {.rounds = 1});
  EXPECT_EQ(chain.next()->text, "\n\nHuman: How?\n\nAssistant:");
  chain.accept("r0");
  EXPECT_TRUE(chain.next()->text.starts_with("<1><2>\n\nHuman: How?"));
  EXPECT_EQ(chain.next()->dropped_examples, 0);
}

TEST(CritiqueChain, DropsTheOldestExamplesFirstAndCountsThem) {
  const std::vector<CritiqueExample> examples = {
      {std::string(50, '1'), ""}, {std::string(50, '2'), ""}, {std::string(50, '3'), ""}};
  // Room for the task and 99 bytes: one example of 50, not two.
  CritiqueChain plain(kPrompt, &kOne, &kNone, {.rounds = 1});
  plain.accept("r0");
  const std::int64_t task = bytes(plain.next()->text);
  CritiqueChain chain(kPrompt, &kOne, &examples, {.rounds = 1, .max_prompt_tokens = task + 99},
                      bytes);
  chain.accept("r0");
  EXPECT_EQ(chain.next()->dropped_examples, 2);
  EXPECT_EQ(chain.next()->text.substr(0, 50), std::string(50, '3'));
  EXPECT_EQ(chain.next()->text.substr(50, 8), "\n\nHuman:");
  EXPECT_TRUE(chain.next()->fits);
  chain.accept("c1");
  EXPECT_EQ(chain.result().dropped_examples, 2);
}

TEST(CritiqueChain, LimitsTheExamplesBlockByItself) {
  const std::vector<CritiqueExample> examples = {{std::string(50, '1'), ""},
                                                 {std::string(50, '2'), ""}};
  CritiqueChain chain(kPrompt, &kOne, &examples, {.rounds = 1, .max_fewshot_tokens = 60}, bytes);
  chain.accept("r0");
  EXPECT_EQ(chain.next()->dropped_examples, 1);
}

TEST(CritiqueChain, SaysWhenNotEvenTheBareRequestFits) {
  CritiqueChain chain(kPrompt, &kOne, &kNone, {.rounds = 1, .max_prompt_tokens = 5}, bytes);
  EXPECT_FALSE(chain.next()->fits);
}

TEST(CritiqueChain, ReplaysGiveTheSamePrinciples) {
  Constitution many;
  for (int k = 0; k < 16; ++k) many.critiques.push_back({std::to_string(k), "a", "b"});
  const auto principles = [&many](std::uint64_t work_id) {
    CritiqueChain chain(kPrompt, &many, &kNone, {.rounds = 4, .seed = 5, .work_id = work_id});
    while (!chain.done()) chain.accept("x");
    std::string ids;
    for (const ChainRound& round : chain.result().rounds) ids += round.principle_id + " ";
    return ids;
  };
  EXPECT_EQ(principles(1), principles(1));
  EXPECT_NE(principles(1), principles(2));
}

TEST(CritiqueChain, RefusesBrokenArguments) {
  EXPECT_THROW(CritiqueChain(kPrompt, &kOne, &kNone, {.rounds = 0}), std::invalid_argument);
  EXPECT_THROW(CritiqueChain({}, &kOne, &kNone, {}), std::invalid_argument);
  EXPECT_THROW(CritiqueChain(kPrompt, &kOne, &kNone, {.max_prompt_tokens = 9}),
               std::invalid_argument);
  const Constitution empty;
  EXPECT_THROW(CritiqueChain(kPrompt, &empty, &kNone, {}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::feedback
