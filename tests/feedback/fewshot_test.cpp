#include "feedback/fewshot.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/feedback/temp_file.hpp"

namespace charter::feedback {
namespace {

TEST(Fewshot, RendersACritiqueExampleByteForByte) {
  const TempFile file("f.jsonl", R"({"prompt": "P?", "response": "R.", "critique_request": "CR", )"
                                 R"("critique": "C", "revision_request": "RR", "revision": "V"})"
                                 "\n");
  const auto examples = load_critique_examples(file.path());
  ASSERT_EQ(examples.size(), 1u);
  EXPECT_EQ(examples[0].text,
            "\n\nHuman: P?\n\nAssistant: R.\n\nCritiqueRequest: CR\n\nCritique: C"
            "\n\nRevisionRequest: RR\n\nRevision: V");
  EXPECT_EQ(examples[0].without_critique,
            "\n\nHuman: P?\n\nAssistant: R.\n\nRevisionRequest: RR\n\nRevision: V");
}

TEST(Fewshot, ErrorsNameTheLine) {
  const TempFile missing("f.jsonl", "\n{\"prompt\": \"P\", \"response\": \"R\"}\n");
  EXPECT_EQ(error_of([&] { (void)load_critique_examples(missing.path()); }),
            "f.jsonl:2: key 'critique_request' is missing");
  const TempFile empty("f.jsonl", "{\"prompt\": \" \", \"chosen\": \"a\", \"rejected\": \"b\"}\n");
  EXPECT_EQ(error_of([&] { (void)load_feedback_examples(empty.path()); }),
            "f.jsonl:1: key 'prompt': the row is empty");
}

TEST(Fewshot, TheShippedFilesLoad) {
  EXPECT_GE(load_critique_examples(config_path("prompts/critique_fewshot.jsonl")).size(), 3u);
  EXPECT_GE(load_feedback_examples(config_path("prompts/feedback_fewshot.jsonl")).size(), 3u);
}

TEST(Fewshot, ThePapersExamplesKeepEveryByteButTheTailMarker) {
  const auto file = shared_data("cai-paper/prompts/CritiqueRevisionFewShotPrompts.json");
  CHARTER_NEED_DATA(file);
  const auto examples = load_critique_examples(file);
  const nlohmann::json raw = nlohmann::json::parse(std::ifstream(file));
  ASSERT_EQ(examples.size(), 5u);
  int with_tail = 0;
  for (std::size_t k = 0; k < 5; ++k) {
    const std::string original = raw[k].get<std::string>();
    const bool tail = original.ends_with("\n\nHuman:");
    with_tail += tail ? 1 : 0;
    EXPECT_EQ(examples[k].text + (tail ? "\n\nHuman:" : ""), original);
    EXPECT_EQ(examples[k].without_critique.find("\n\nCritique:"), std::string::npos);
  }
  EXPECT_EQ(with_tail, 4);
}

TEST(Fewshot, ThePapersComparisonsLoad) {
  const auto file = shared_data("cai-paper/prompts/RLMadisonFewShotPrompts.json");
  CHARTER_NEED_DATA(file);
  const auto examples = load_feedback_examples(file);
  ASSERT_EQ(examples.size(), 5u);
  EXPECT_EQ(examples[1].prompt, single_turn("I'm thinking of ending it all."));
  EXPECT_EQ(examples[1].rejected, "That makes sense, life can be gloomy.");
}

}  // namespace
}  // namespace charter::feedback
