#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/machine.hpp"
#include "config/nearest.hpp"
#include "config/run_config.hpp"
#include "config/schema.hpp"

namespace charter::config {
namespace {

RunConfig parse(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  return parse_config(toml, "run.toml", overrides, "");
}

// The one line a bad configuration is refused with.
std::string refusal(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  try {
    (void)parse(toml, overrides);
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(ParseConfig, ReadsEveryTypeOfValue) {
  const RunConfig c = parse(
      "[run]\nname = \"a\"\nseed = 7\n[lora]\nenabled = false\n[rl]\nkl_coef = 1e-2\nlambda = 1\n");
  EXPECT_EQ(c.run.name, "a");
  EXPECT_EQ(c.run.seed, 7);
  EXPECT_FALSE(c.lora.enabled);
  EXPECT_DOUBLE_EQ(c.rl.kl_coef, 0.01);
  EXPECT_DOUBLE_EQ(c.rl.lambda, 1.0);  // a whole number is a number
}

TEST(ParseConfig, EmptyFileHasTheDefaults) { EXPECT_EQ(to_toml(parse("")), to_toml(RunConfig{})); }

TEST(ParseConfig, EmptyBaseTakesTheDefaultModel) {
  EXPECT_EQ(parse_config("", "f", {}, "/m.gguf").models.base, "/m.gguf");
  EXPECT_EQ(parse_config("", "f", {}, "").models.base, "");
  EXPECT_EQ(parse_config("[models]\nbase = \"/x\"", "f", {}, "/m.gguf").models.base, "/x");
}

TEST(ParseConfig, PathsOfAFileBeginAtTheFileOthersAtTheWorkingDirectory) {
  const std::string here = std::filesystem::current_path().string();
  const auto c = parse_config(
      "[models]\nbase = \"m/base\"\njudge = \"../judge/\"\n[data]\nred_team = \"/abs/./r.txt\"\n"
      "helpful = \"h.txt\"\npmp = \"\"\n",
      "/a/b/run.toml", {"models.pm_init=m/init", "data.helpful=h.txt"}, "");
  EXPECT_EQ(c.models.base, "/a/b/m/base");
  EXPECT_EQ(c.models.judge, "/a/judge");  // as a resume compares it
  EXPECT_EQ(c.models.helpful, "");
  EXPECT_EQ(c.models.pm_init, here + "/m/init");
  EXPECT_EQ(c.data.red_team, "/abs/r.txt");
  EXPECT_EQ(c.data.helpful, here + "/h.txt");
  EXPECT_EQ(c.data.pmp, "");
  EXPECT_EQ(parse_config("[models]\nbase = \"m\"", "run.toml", {}, "").models.base, here + "/m");
  EXPECT_EQ(parse_config("", "/a/run.toml", {}, "m.gguf").models.base, here + "/m.gguf");
}

// Every key that names a file is one of these two sections', and all of them are resolved.
TEST(ParseConfig, EveryPathKeyIsResolved) {
  std::vector<std::string> names;
  RunConfig config;
  for_each_key(config, [&](const char* section, const char* key, auto&, const KeyInfo& info) {
    if (info.path) names.push_back(std::string(section) + "." + key);
  });
  EXPECT_EQ(names, (std::vector<std::string>{"models.base", "models.helpful", "models.judge",
                                             "models.pm_init", "data.constitution",
                                             "data.critique_fewshot", "data.feedback_fewshot",
                                             "data.red_team", "data.helpful", "data.pmp",
                                             "data.helpfulness", "data.harmlessness_eval"}));
}

TEST(LoadConfig, TheRootOfRunsIsOfTheWorkingDirectory) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("charter_root_" + std::to_string(::getpid()) + ".toml");
  std::ofstream(file) << "[run]\nroot = \"x/../runs\"\n";
  EXPECT_EQ(load_config(file, {}, "").run.root, std::filesystem::current_path() / "runs");
  EXPECT_EQ(load_config(file, {"run.root=/r/"}, "").run.root, "/r");
  std::filesystem::remove(file);
}

TEST(ParseConfig, NamesFileLineAndNearestKey) {
  EXPECT_EQ(refusal("[rl]\nupdates = 3\nbatchh = 8\n"),
            "run.toml:3: rl.batchh: unknown key; did you mean rl.batch?");
}

TEST(ParseConfig, FindsTheKeyInAnotherSection) {
  EXPECT_EQ(refusal("[rl]\nrank = 8\n"),
            "run.toml:2: rl.rank: unknown key; did you mean lora.rank?");
}

TEST(ParseConfig, ListsTheKeysOfASectionWhenNothingIsNear) {
  EXPECT_EQ(refusal("[actors]\nxylophones = 1\n"),
            "run.toml:2: actors.xylophones: unknown key; [actors] has rollout, feedback, reward");
}

TEST(ParseConfig, NamesTheNearestSection) {
  EXPECT_EQ(refusal("\n[pmtrain]\nbatch = 1\n"),
            "run.toml:2: [pmtrain]: unknown section; did you mean [pm_train]?");
}

TEST(ParseConfig, RefusesAKeyOutsideASection) {
  EXPECT_EQ(refusal("updates = 1\n"), "run.toml:1: updates: unknown key; did you mean rl.updates?");
}

TEST(ParseConfig, RefusesAValueInPlaceOfASection) {
  EXPECT_EQ(refusal("rl = 1\n"), "run.toml:1: rl: expected the section [rl]");
}

TEST(ParseConfig, RefusesWrongTypes) {
  EXPECT_EQ(refusal("[rl]\nbatch = \"8\"\n"),
            "run.toml:2: rl.batch: got the string \"8\", expected a whole number");
  EXPECT_EQ(refusal("[rl]\nbatch = 8.5\n"),
            "run.toml:2: rl.batch: got the number 8.5, expected a whole number");
  EXPECT_EQ(refusal("[rl]\nkl_coef = true\n"),
            "run.toml:2: rl.kl_coef: got true, expected a number");
  EXPECT_EQ(refusal("[lora]\nenabled = 1\n"),
            "run.toml:2: lora.enabled: got the number 1, expected true or false");
  EXPECT_EQ(refusal("[run]\nname = [1]\n"),
            "run.toml:2: run.name: got an array, expected a string");
}

TEST(ParseConfig, RefusesNumbersOutOfRange) {
  EXPECT_EQ(refusal("[actors]\nrollout = 0\n"),
            "run.toml:2: actors.rollout: got the number 0, expected 1 to 64");
  EXPECT_EQ(refusal("[models]\nmax_context = 5\n"),
            "run.toml:2: models.max_context: got the number 5, expected 64 to 1000000 tokens");
  EXPECT_EQ(refusal("[rl]\nlambda = nan\n"),
            "run.toml:2: rl.lambda: got the number nan, expected 0.0 to 1.0");
}

TEST(ParseConfig, RefusesAChoiceItDoesNotKnow) {
  EXPECT_EQ(
      refusal("[machine]\ndevice = \"tpu\"\n"),
      "run.toml:2: machine.device: got the string \"tpu\", expected one of \"cpu\", \"cuda\"");
}

TEST(ParseConfig, TakesAScheduleForEveryTrainer) {
  const RunConfig c =
      parse("[sl_train]\nwarmup = 3\nschedule = \"linear\"\n[pm_train]\nschedule = \"cosine\"\n");
  EXPECT_EQ(c.sl_train.warmup, 3);
  EXPECT_EQ(c.sl_train.schedule, "linear");
  EXPECT_EQ(c.pm_train.warmup, 0);
  EXPECT_EQ(c.pm_train.schedule, "cosine");
  EXPECT_EQ(c.rl.schedule, "constant");
  EXPECT_EQ(refusal("[rl]\nschedule = \"step\"\n"),
            "run.toml:2: rl.schedule: got the string \"step\", expected one of \"constant\", "
            "\"linear\", \"cosine\"");
}

TEST(ParseConfig, RefusesAKeyWrittenTwice) {
  const std::string line = refusal("[rl]\nbatch = 8\nbatch = 9\n");
  EXPECT_TRUE(line.starts_with("run.toml:3: ")) << line;
  EXPECT_NE(line.find("batch"), std::string::npos) << line;
}

TEST(ParseConfig, RefusesBrokenToml) {
  const std::string line = refusal("[rl]\nbatch = \n");
  EXPECT_TRUE(line.starts_with("run.toml:2: ")) << line;
}

TEST(ParseConfig, RefusesCombinationsThatCannotWork) {
  EXPECT_EQ(refusal("[machine]\ntransport = \"inproc\"\n"),
            "run.toml:2: machine.transport: \"inproc\" needs machine.placement = \"single\", got "
            "\"split\"");
  EXPECT_EQ(
      refusal("[rl]\npair_fraction = 0\n"),
      "run.toml:2: rl.pair_fraction: is 0, expected more with rl.online_pm = true: an online PM "
      "learns from those pairs");
  EXPECT_EQ(refusal("[rl]\npair_fraction = 0\nonline_pm = false\n"), "accepted");
  EXPECT_EQ(
      refusal("[run]\nname = \"a/b\"\n"),
      "run.toml:2: run.name: got \"a/b\", expected a plain file name of at most 200 bytes, without "
      "'/'");
  EXPECT_EQ(
      refusal("[rl]\nmax_new_tokens = 2040\n"),
      "run.toml:2: rl.max_new_tokens: response + 32 of prompt = 2072 tokens, expected at most "
      "models.max_context = 2048");
  EXPECT_EQ(refusal("[rl]\nminibatches = 9\n"),
            "run.toml:2: rl.minibatches: got 9, expected at most rl.batch = 8");
  EXPECT_EQ(refusal("[rl]\nupdates = 3\nepochs = 2\nminibatches = 2\nwarmup = 12\n"),
            "run.toml:5: rl.warmup: got 12, expected fewer than the 12 optimizer steps of "
            "rl.updates * rl.epochs * rl.minibatches");
  EXPECT_EQ(refusal("[rl]\nupdates = 3\nepochs = 2\nminibatches = 2\nwarmup = 11\n"), "accepted");
  EXPECT_EQ(refusal("[metrics]\naddress = \"localhost\"\n"),
            "run.toml:2: metrics.address: got \"localhost\", expected host:port, port 0 to 65535");
  EXPECT_EQ(refusal("[metrics]\naddress = \"::1:9400\"\n"),  // where does the host end?
            "run.toml:2: metrics.address: got \"::1:9400\", expected host:port, port 0 to 65535");
  for (const char* good : {"[::1]:9400", "localhost:9400", "gpu-3.example.org:0", "0.0.0.0:1"})
    EXPECT_EQ(refusal("[metrics]\naddress = \"" + std::string(good) + "\"\n"), "accepted") << good;
}

TEST(ParseConfig, OverridesWinOverTheFile) {
  const RunConfig c =
      parse("[rl]\nbatch = 8\n", {"rl.batch=4", "rl.batch=2", "run.name=night", "run.root=\"x y\"",
                                  "lora.enabled=false", "models.judge=/dir/model"});
  EXPECT_EQ(c.rl.batch, 2);
  EXPECT_EQ(c.run.name, "night");
  EXPECT_EQ(c.run.root, "x y");
  EXPECT_FALSE(c.lora.enabled);
  EXPECT_EQ(c.models.judge, "/dir/model");
}

TEST(ParseConfig, AnOverrideOfAStringTakesTheWordAsItStands) {
  EXPECT_EQ(parse("", {"run.name=2026"}).run.name, "2026");
  EXPECT_EQ(parse("", {"models.base="}).models.base, "");
}

TEST(ParseConfig, RefusesBadOverrides) {
  EXPECT_EQ(refusal("", {"rl.batch"}), "--set rl.batch: expected section.key=value");
  EXPECT_EQ(refusal("", {"rl.batchh=1"}),
            "--set rl.batchh=1: rl.batchh: unknown key; did you mean rl.batch?");
  EXPECT_EQ(refusal("", {"rl.batch=many"}),
            "--set rl.batch=many: rl.batch: got the word \"many\", expected a whole number");
}

TEST(LoadConfig, NamesAFileThatIsMissing) {
  try {
    (void)load_config("/nonexistent/run.toml", {}, "");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "/nonexistent/run.toml: cannot read: No such file or directory");
  }
}

// Files as people write them: taken, or one line with the line.
TEST(ParseConfig, TakesOrRefusesPeoplesFilesWithOneLine) {
  const auto nested = [](const std::string& open, const std::string& close, int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    for (int i = 0; i < depth; ++i) text += close;
    return text;
  };
  const struct {
    std::string toml, expected;
  } cases[] = {
      {"", "accepted"},
      {"# nothing\n", "accepted"},
      {"\xEF\xBB\xBF[rl]\nupdates = 3\n", "accepted"},
      {"[rl]\r\nupdates = 3\r\n", "accepted"},
      {"rl.updates = 3\n", "accepted"},
      {"rl = {updates = 3}\n", "accepted"},
      {"[rl]\nupdates = 0x10\nbatch = 1_0\n", "accepted"},
      {"[rl]\nupdates = 99999999999999999999\n", "run.toml:2: Error while parsing"},
      {"[rl]\nlearning_rate = 1e400\n", "run.toml:2: Error while parsing"},
      {"[rl]\nlearning_rate = 1.e-4\n", "run.toml:2: Error while parsing"},
      {"[rl]\nlearning_rate = \"1e-4\"\n",
       "run.toml:2: rl.learning_rate: got the string \"1e-4\", expected a number"},
      {"[rl]\nkl_coef = nan\n",
       "run.toml:2: rl.kl_coef: got the number nan, expected 0.0 to 100.0"},
      {"[rl]\nlearning_rate = inf\n", "run.toml:2: rl.learning_rate: got the number inf"},
      {"[rl]\nupdates = 8.0\n", "run.toml:2: rl.updates: got the number 8.0, expected a whole"},
      {"[rl]\nupdates = [1]\n", "run.toml:2: rl.updates: got an array, expected a whole number"},
      {"[lora]\nenabled = True\n", "run.toml:2: Error while parsing boolean"},
      {"[lora]\nenabled = \"true\"\n", "run.toml:2: lora.enabled: got the string \"true\""},
      {"[data]\npmp = 2024-01-01\n", "run.toml:2: data.pmp: got a date or time, expected a string"},
      {"[rl]\nbatch = 1\nbatch = 2\n", "run.toml:3: Error while parsing"},
      {"[rl]\nbatch = 1\n[lora]\n[rl]\n", "run.toml:4: Error while parsing"},
      {"[[rl]]\nbatch = 1\n", "run.toml:1: rl: expected the section [rl]"},
      {"[models]\nbase = \"C:\\models\\m.gguf\"\n", "run.toml:2: Error while parsing string"},
      {"rl:\n  batch: 1\n", "run.toml:1: Error while parsing"},
      {"{\"rl\": {\"batch\": 1}}", "run.toml:1: Error while parsing"},
      {std::string("[rl]\n\0\0\n", 8), "run.toml:2: Error while parsing"},
      {"[run]\nname = \"caf\xE9\"\n", "run.toml:2: "},
      {"[rl]\n\"a\\nb\" = 1\n", "run.toml:2: rl.\"a\\u000Ab\": unknown key"},
      {"[rl]\nupdates = " + nested("[", "]", 100000) + "\n", "run.toml:2: Error while parsing"},
      {"[rl]\n[a" + nested(".a", "", 100000) + "]\n",
       "run.toml:2: a key of more than 100 parts, expected section.key"},
      {"[rl]\n" + std::string(300000, 'a') + " = 1\n", "run.toml:2: rl.aaa"},
      {"[run]\nname = \"" + std::string(300000, 'a') + "\"\n", "run.toml:2: run.name: got \"aaa"},
  };
  for (const auto& c : cases) {
    const std::string line = refusal(c.toml);
    EXPECT_EQ(line.substr(0, c.expected.size()), c.expected) << c.toml.substr(0, 80);
    EXPECT_EQ(line.find('\n'), std::string::npos) << c.toml.substr(0, 80);
    EXPECT_LT(line.size(), 600u) << c.toml.substr(0, 80);
  }
}

TEST(EditDistance, CountsSlips) {
  EXPECT_EQ(edit_distance("batch", "batch"), 0);
  EXPECT_EQ(edit_distance("batchh", "batch"), 1);
  EXPECT_EQ(edit_distance("bacth", "batch"), 1);  // neighbours swapped
  EXPECT_EQ(edit_distance("", "abc"), 3);
}

TEST(ComputeSlots, ZeroMeansOneACore) {
  RunConfig c;
  EXPECT_GE(compute_slots(c), 1);
  c.machine.compute_slots = 3;
  EXPECT_EQ(compute_slots(c), 3);
}

}  // namespace
}  // namespace charter::config
