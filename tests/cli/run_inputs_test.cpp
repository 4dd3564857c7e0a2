#include "cli/run_inputs.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string sum(const std::string& text) { return store::sum_of(text).xxh3; }

class RunInputsTest : public testing::Test {
 protected:
  std::string refusal(const nlohmann::json& recorded) const {
    try {
      require_unchanged(recorded, data());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "unchanged";
  }
  RunInputs data() const { return measure_data(config, authored); }
  nlohmann::json recorded() const {
    nlohmann::json inputs;
    for (const auto& [key, input] : data()) inputs[key] = to_json(input);
    return inputs;
  }

  store::TempDir dir;
  fs::path authored = fs::path(CHARTER_SOURCE_DIR) / "config";
  config::RunConfig config;
};

TEST_F(RunInputsTest, EveryDataFileIsMeasuredAlsoTheProjectsOwn) {
  const auto inputs = data();
  std::vector<std::string> keys;
  for (const auto& [key, input] : inputs) {
    keys.push_back(key);
    ASSERT_EQ(input.files.size(), 1u) << key;
    EXPECT_GT(input.files.begin()->second.bytes, 100u) << key;
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"data.constitution", "data.critique_fewshot",
                                            "data.feedback_fewshot", "data.harmlessness_eval",
                                            "data.helpful", "data.helpfulness", "data.pmp",
                                            "data.red_team"}));
  EXPECT_EQ(refusal(recorded()), "unchanged");
  EXPECT_EQ(refusal(nlohmann::json::object()), "unchanged");  // of an earlier version
}

TEST_F(RunInputsTest, AChangeNamesFileLengthsAndChecksums) {
  const auto file = dir.path() / "red.txt";
  config.data.red_team = file.string();
  put(file, "How?\n");
  const auto before = recorded();
  put(file, "When?\n");
  EXPECT_EQ(refusal(before),
            "data.red_team: " + file.string() + ": 6 bytes with checksum " + sum("When?\n") +
                ", expected 5 bytes with checksum " + sum("How?\n") +
                ": the run's work follows from the content as it was: restore it, take the change "
                "with --accept-data, or give another run.name");
  put(file, "Who!\n");  // of the same length
  EXPECT_NE(refusal(before).find("5 bytes with checksum " + sum("Who!\n")), std::string::npos);
}

TEST_F(RunInputsTest, EveryChangedFileIsNamed) {
  config.data.red_team = (dir.path() / "r.txt").string();
  config.data.helpful = (dir.path() / "h.txt").string();
  put(config.data.red_team, "a\n");
  put(config.data.helpful, "b\n");
  const auto before = recorded();
  std::swap(config.data.red_team, config.data.helpful);
  const auto text = refusal(before);
  EXPECT_TRUE(text.starts_with("data.helpful: ")) << text;
  EXPECT_NE(text.find("; data.red_team: "), std::string::npos) << text;
}

// A file may be moved or renamed: its content is what the work follows from.
TEST_F(RunInputsTest, WhereTheContentLiesIsNoChange) {
  config.data.pmp = (dir.path() / "a.jsonl").string();
  put(config.data.pmp, "x");
  const auto before = recorded();
  config.data.pmp = (dir.path() / "b.jsonl").string();
  put(config.data.pmp, "x");
  EXPECT_EQ(refusal(before), "unchanged");
}

TEST_F(RunInputsTest, OfAConstitutionsDirectoryTheFilesThatAreRead) {
  config.data.constitution = dir.path().string();
  put(dir.path() / "CritiqueRevisionInstructions.json", "{}");
  put(dir.path() / "RLMadisonInstructions.json", "[]");
  put(dir.path() / "README", "one");
  const auto before = recorded();
  put(dir.path() / "README", "two");
  EXPECT_EQ(refusal(before), "unchanged");
  put(dir.path() / "RLMadisonInstructions.json", "[1]");
  EXPECT_TRUE(refusal(before).starts_with(
      "data.constitution: " + (dir.path() / "RLMadisonInstructions.json").string() + ": 3 bytes"))
      << refusal(before);
}

TEST_F(RunInputsTest, AMissingFileIsOneLineWithItsKey) {
  config.data.helpful = (dir.path() / "none").string();
  EXPECT_EQ(refusal({}),
            "data.helpful: " + config.data.helpful + ": cannot open: No such file or directory");
}

TEST_F(RunInputsTest, AModelIsItsFileOrItsDirectorysFiles) {
  put(dir.path() / "model.safetensors", "w");
  put(dir.path() / "config.json", "{}");
  put(dir.path() / "README.md", "one");
  const auto before = to_json(measure_model(dir.path()));
  EXPECT_EQ(before["files"].size(), 2u);
  put(dir.path() / "README.md", "two");
  EXPECT_EQ(changed(before, measure_model(dir.path())), "");
  put(dir.path() / "model.safetensors", "v");
  EXPECT_NE(changed(before, measure_model(dir.path())), "");
  fs::remove(dir.path() / "model.safetensors");
  EXPECT_EQ(changed(before, measure_model(dir.path())),
            (dir.path() / "model.safetensors").string() + ": is missing");
  EXPECT_EQ(measure_model(dir.path() / "config.json").files.size(), 1u);
}

}  // namespace
}  // namespace charter::cli
