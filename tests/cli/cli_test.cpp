#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/cli/run_charter.hpp"
#include "tests/model/model_path.hpp"

namespace charter::cli {
namespace {

const std::string kQuickstart = CHARTER_SOURCE_DIR "/config/quickstart.toml";

TEST(Command, WrongUsageExitsWithTwo) {
  const Scratch scratch;
  run_charter(scratch, "").expect_refused(2, "--help");
  run_charter(scratch, "nonsense").expect_refused(2, "--help");
  run_charter(scratch, "config check").expect_refused(2, "charter config check --help");
  run_charter(scratch, "generate --batch 0").expect_refused(2, "--batch");
  run_charter(scratch, "generate --precision fp3").expect_refused(2, "--precision");
}

// What is printed arrives, or the command fails with one line.
TEST(Command, StandardOutputThatTakesNothingIsAnError) {
  const Scratch scratch;
  const std::string commands[] = {"--help", "generate --help", "config explain",
                                  "config explain --json rl"};
  const auto outcome = [&](const std::string& command) {
    const int status = std::system((command + " 2>" + scratch.at("stderr")).c_str());
    return Outcome{WEXITSTATUS(status), "", read_file(scratch.at("stderr"))};
  };
  for (const std::string& arguments : commands) {
    const std::string command = "'" + binary() + "' " + arguments;
    const std::string why = "standard output: cannot write: ";
    outcome(command + " >/dev/full").expect_refused(1, why + "No space left on device");
    outcome(command + " >&-").expect_refused(1, why + "Bad file descriptor");
    // The pipe's only reader has gone before the command begins.
    const std::string pipe = scratch.at("pipe");
    outcome("( mkfifo " + pipe + " && exec 3<>" + pipe + " 4>" + pipe + " 3<&- && rm " + pipe +
            " && " + command + " >&4 )")
        .expect_refused(1, why + "Broken pipe");
  }
}

TEST(Command, HelpNamesTheSubcommands) {
  const Scratch scratch;
  const Outcome help = run_charter(scratch, "--help");
  EXPECT_EQ(help.code, 0);
  for (const char* name : {"config", "plan", "import", "export", "tokenize", "generate", "score"}) {
    EXPECT_NE(help.out.find(name), std::string::npos) << name;
  }
}

TEST(ConfigCheck, AcceptsTheShippedFiles) {
  SKIP_UNLESS_DEFAULT_MODEL();  // it reads the model's vocabulary
  const Scratch scratch;
  for (const char* name : {"quickstart", "daemon", "paper"}) {
    const std::string file = std::string(CHARTER_SOURCE_DIR "/config/") + name + ".toml";
    const Outcome outcome = run_charter(scratch, "config check " + file);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_TRUE(outcome.out.ends_with(file + ": ok\n")) << outcome.out;
    // The quickstart lacks no data; the others ask for more than the project's own.
    EXPECT_EQ(outcome.out.find(" of data.") == std::string::npos, std::string(name) == "quickstart")
        << outcome.out;
  }
}

TEST(ConfigCheck, NamesFileLineAndNearestKey) {
  const Scratch scratch;
  const std::string file = scratch.write("run.toml", "[rl]\nbatchh = 8\n");
  run_charter(scratch, "config check " + file)
      .expect_refused(1, file + ":2: rl.batchh: unknown key; did you mean rl.batch?");
  run_charter(scratch, "config check " + scratch.at("none.toml"))
      .expect_refused(1, scratch.at("none.toml") + ": cannot read: No such file or directory");
  run_charter(scratch, "config check " + kQuickstart + " --set rl.batch=0")
      .expect_refused(1, "--set rl.batch=0: rl.batch: got the number 0, expected 1 to 65536");
}

// By the list of checks that `charter run` goes through; tests/system/start_checks_test.py has the
// others.
TEST(ConfigCheck, RefusesWhatARunWouldEndWith) {
  SKIP_UNLESS_DEFAULT_MODEL();
  const Scratch scratch;
  const std::string check = "config check " + kQuickstart + " --set ";
  run_charter(scratch, check + "models.policy_format=llama3")
      .expect_refused(1,
                      "chat format llama3: the vocabulary has no special token "
                      "\"<|begin_of_text|>\"");
  run_charter(scratch, check + "models.max_context=8193")
      .expect_refused(1, "models.max_context: got 8193, expected at most the 8192 tokens of ");
  run_charter(scratch, check + "data.red_team=" + scratch.at("none.jsonl"))
      .expect_refused(1, "data.red_team: " + scratch.at("none.jsonl") + ": ");
  const Outcome few = run_charter(scratch, check + "eval.prompts=200");
  EXPECT_EQ(few.code, 0) << few.error;
  EXPECT_NE(few.out.find("warning: eval.prompts: wants 100 held-out prompts of data.red_team, "
                         "which has 41 (206 rows, 41 of them held out)\n"),
            std::string::npos)
      << few.out;
}

TEST(ConfigExplain, PrintsLinesOrJson) {
  const Scratch scratch;
  const Outcome line = run_charter(scratch, "config explain rl.batch");
  EXPECT_EQ(line.out, "rl.batch = 8  [1 to 65536]  trajectories a version; fixed for the run\n");
  const auto rows = nlohmann::json::parse(run_charter(scratch, "config explain rl --json").out);
  EXPECT_EQ(rows[0]["key"], "rl.updates");
  EXPECT_EQ(rows[0]["may_change_on_resume"], true);
  run_charter(scratch, "config explain rl.bacth")
      .expect_refused(1, "rl.bacth: unknown key; did you mean rl.batch?");
}

TEST(Plan, EstimatesEveryStage) {
  SKIP_UNLESS_DEFAULT_MODEL();  // a larger one takes more memory than is expected here
  const std::string model = test_model();
  const Scratch scratch;
  const Outcome outcome = run_charter(
      scratch, "plan --json " + kQuickstart + " --set models.base=" + model + " --gflops 60");
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const auto plan = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(plan["stages"].size(), 8u);
  EXPECT_EQ(plan["stages"][0]["stage"], "sl_generate");
  EXPECT_GT(plan["seconds"], 10.0);
  EXPECT_LT(plan["memory_bytes"], 8ll << 30);
  EXPECT_GT(plan["shared_memory_bytes"], 0);
}

TEST(Plan, RefusesAMissingModel) {
  const Scratch scratch;
  run_charter(scratch, "plan " + kQuickstart + " --set models.base=" + scratch.at("m.gguf"))
      .expect_refused(1, scratch.at("m.gguf"));
  run_charter(scratch, "plan " + kQuickstart,
              "-u CHARTER_MODEL CHARTER_CACHE=" + scratch.at("empty"))
      .expect_refused(1, "no model");
}

TEST(Export, NamesWhatIsMissing) {
  const Scratch scratch;
  run_charter(scratch, "export --run " + scratch.at("run") + " --to " + scratch.at("to"))
      .expect_refused(1, scratch.at("run") + ": no such run directory");
  std::filesystem::create_directories(scratch.at("run/weights/base"));
  run_charter(scratch, "export --run " + scratch.at("run") + " --to " + scratch.at("to"))
      .expect_refused(1, "no such snapshot; the run has base");
  EXPECT_FALSE(scratch.exists("to"));
}

}  // namespace
}  // namespace charter::cli
