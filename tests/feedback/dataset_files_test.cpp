#include "feedback/dataset_files.hpp"

#include <gtest/gtest.h>

namespace charter::feedback {
namespace {

TEST(DatasetFiles, NormalizedTextsIgnoreLayoutCaseAndPunctuation) {
  EXPECT_EQ(normalized("  How, exactly?\n"), normalized("how exactly"));
  EXPECT_EQ(normalized("caf\u00e9!"), "caf\u00e9");
  EXPECT_NE(normalized("a b"), normalized("ab"));
  EXPECT_EQ(normalized("?!"), "");
}

TEST(DatasetFiles, IdsNameTheFileAndLine) { EXPECT_EQ(line_id("/x/hh.jsonl.gz", 7), "hh-7"); }

TEST(DatasetFiles, InstructionsAndInputsJoinWithABlankLine) {
  const std::filesystem::path file = "f";
  const auto prompt = [&file](const char* json) {
    return instruction_prompt({&file, 3, nlohmann::json::parse(json)});
  };
  EXPECT_EQ(prompt(R"({"instruction": "a ", "input": "b"})"), Read(single_turn("a\n\nb")));
  EXPECT_EQ(prompt(R"({"instruction": " ", "input": "b"})"), Read(single_turn("b")));
  EXPECT_EQ(prompt(R"({"instruction": "a"})"), Read(single_turn("a")));
  EXPECT_EQ(prompt(R"({"instruction": "", "input": null})"), Read(Skip::kEmpty));
}

}  // namespace
}  // namespace charter::feedback
