// What a run's directory holds the next start to: its settings, its ledger, its data.
#include "cli/run_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "store/checkpoint.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;
using store::StageState;

class RunDirectoryTest : public testing::Test {
 protected:
  config::RunConfig with_updates(int32_t updates) const {
    config::RunConfig config;
    config.run.root = dir_.path().string();
    config.run.name = "test";
    config.rl.updates = updates;
    return config;
  }
  // A run of 8 updates that ended before its rl stage began.
  RunDirectoryTest() { begin(with_updates(8)); }

  static void begin(const config::RunConfig& config) {
    auto run = open_run_directory(config);
    (void)begin_run(run, config);
  }
  // One line, after which everything is as it was.
  std::string refusal(const config::RunConfig& config) const {
    try {
      begin(config);
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "begun";
  }
  std::string refusal() const { return refusal(with_updates(8)); }
  void set_rl(StageState state) const {
    const auto config = with_updates(8);
    auto run = open_run_directory(config);
    begin_run(run, config).set_stage({.name = "rl", .state = state});
  }
  void put(const fs::path& file, const std::string& text) const {
    std::ofstream(file, std::ios::binary) << text;
  }

 private:
  store::TempDir dir_;

 protected:
  const fs::path run_ = dir_.path() / "test";
  const std::string place_ = run_.string();
  const std::string begin_anew_ = ", or move " + place_ + " away to begin anew";
};

TEST_F(RunDirectoryTest, UpdatesMayBeRaisedOrLoweredUntilTheRlStageIsDone) {
  const auto expect_taken = [this] {
    for (const auto& [updates, change] :
         {std::pair(30, "rl.updates: 8 -> 30"), std::pair(4, "rl.updates: 8 -> 4")}) {
      const auto run = open_run_directory(with_updates(updates));
      EXPECT_TRUE(run.resumed);
      EXPECT_EQ(run.accepted, std::vector<std::string>{change});
    }
  };
  expect_taken();  // no stage yet
  for (const auto state : {StageState::kPending, StageState::kRunning}) {
    set_rl(state);
    expect_taken();
  }
}

// Whatever a start under another umask has left.
TEST_F(RunDirectoryTest, IsForItsOwnerAlone) {
  const fs::path place = place_;
  std::ofstream(place / "logs/engine.log") << "a line";
  set_rl(StageState::kPending);
  for (const auto& [path, mode] : {std::pair(place, 0755), std::pair(place / "ledger.sqlite", 0644),
                                   std::pair(place / "logs/engine.log", 0666)})
    fs::permissions(path, static_cast<fs::perms>(mode));
  (void)open_run_directory(with_updates(8));
  const auto mode = [](const fs::path& path) {
    return static_cast<int>(fs::status(path).permissions());
  };
  EXPECT_EQ(mode(place), 0700);
  EXPECT_EQ(mode(place / "ledger.sqlite"), 0600);
  EXPECT_EQ(mode(place / "logs/engine.log"), 0600);
}

TEST_F(RunDirectoryTest, ATakenChangeIsWhatTheNextOneIsComparedWith) {
  begin(with_updates(30));
  EXPECT_EQ(open_run_directory(with_updates(8)).accepted,
            std::vector<std::string>{"rl.updates: 30 -> 8"});
}

TEST_F(RunDirectoryTest, UpdatesAreFixedOnceTheRlStageIsDone) {
  set_rl(StageState::kDone);
  for (const int32_t updates : {30, 4}) {
    EXPECT_EQ(refusal(with_updates(updates)),
              place_ +
                  ": rl.updates: the rl stage is done with 8 updates; expected this value, or "
                  "another run.name");
  }
  EXPECT_TRUE(open_run_directory(with_updates(8)).accepted.empty());
}

// Killed after the result was written and before the ledger said so.
TEST_F(RunDirectoryTest, UpdatesAreFixedOnceTheResultIsThere) {
  set_rl(StageState::kRunning);
  fs::create_directories(run_ / "weights/rl_cai");
  EXPECT_NE(refusal(with_updates(30)).find("rl.updates: the rl stage is done"), std::string::npos);
}

TEST_F(RunDirectoryTest, AMovedOrRenamedDirectoryIsTheSameRun) {
  auto config = with_updates(8);
  fs::create_directory(fs::path(config.run.root) / "elsewhere");
  config.run.root += "/elsewhere";
  config.run.name = "copy";
  fs::rename(run_, fs::path(config.run.root) / "copy");
  auto run = open_run_directory(config);
  EXPECT_TRUE(run.resumed);
  EXPECT_TRUE(run.accepted.empty());
  (void)begin_run(run, config);
  const auto file = fs::path(config.run.root) / "copy/config.toml";
  EXPECT_EQ(config::load_config(file, {}, "").run.root, config.run.root);
}

TEST_F(RunDirectoryTest, AMissingOrEmptyLedgerIsRefused) {
  const auto why = [&](const char* what) {
    return "ledger " + place_ + "/ledger.sqlite: is " + what +
           " beside a run that has begun: restore it from a backup together with the rest of " +
           place_ + ", or move that directory away to begin anew";
  };
  fs::resize_file(run_ / "ledger.sqlite", 0);
  EXPECT_EQ(refusal(), why("empty"));
  fs::remove(run_ / "ledger.sqlite");
  EXPECT_EQ(refusal(), why("missing"));
  fs::remove(run_ / "ledger.sqlite.commits");  // config.toml alone says that there was one
  EXPECT_EQ(refusal(), why("missing"));
  EXPECT_FALSE(fs::exists(run_ / "ledger.sqlite"));
}

TEST_F(RunDirectoryTest, ALedgerBehindTheManifestIsRefused) {
  fs::copy_file(run_ / "ledger.sqlite", run_ / "old");
  set_rl(StageState::kDone);
  auto manifest = RunManifest::of(run_, with_updates(8));
  const auto ledger = store::Ledger::open_read_only(run_ / "ledger.sqlite");
  manifest.set_ledger_commits(ledger.commits());
  manifest.save();
  fs::copy_file(run_ / "old", run_ / "ledger.sqlite", fs::copy_options::overwrite_existing);
  for (const char* suffix : {"-wal", "-shm", ".commits"})
    fs::remove((run_ / "ledger.sqlite").string() + suffix);
  EXPECT_NE(refusal().find(" commits, expected at least "), std::string::npos) << refusal();
}

TEST_F(RunDirectoryTest, ACheckpointThatTheLedgerDoesNotKnowIsRefused) {
  store::CheckpointStore(run_ / "checkpoints/policy", 2).commit({3, 8}, [&](const fs::path& to) {
    put(to / "w", "weights");
  });
  EXPECT_EQ(refusal(),
            place_ +
                "/checkpoints/policy/ckpt-3-8: the ledger has no version 8 of lineage 3 of policy, "
                "so it is older than its checkpoints: restore a backup of the whole run, or move "
                "this checkpoint away to train again from the one before");
  fs::remove_all(run_ / "checkpoints/policy/ckpt-3-8");
  EXPECT_EQ(refusal(), "begun");
}

TEST_F(RunDirectoryTest, WithoutItsConfigurationOrManifestARunIsNotTakenForANewOne) {
  set_rl(StageState::kRunning);
  fs::rename(run_ / "config.toml", run_ / "kept");
  EXPECT_EQ(refusal(), place_ + "/ledger.sqlite: is there, and " + place_ +
                           "/config.toml is missing: restore that from a backup" + begin_anew_);
  fs::rename(run_ / "kept", run_ / "config.toml");
  fs::rename(run_ / "manifest.json", run_ / "kept");
  EXPECT_EQ(refusal(), place_ + "/manifest.json: is missing beside a run that has begun: restore " +
                           "it from a backup" + begin_anew_);
}

TEST_F(RunDirectoryTest, CheckpointsAndResultsAloneAreNoNewRunEither) {
  for (const char* name : {"ledger.sqlite", "ledger.sqlite.commits", "config.toml"})
    fs::remove(run_ / name);
  EXPECT_EQ(refusal(), "begun");  // an empty frame
  for (const char* name : {"ledger.sqlite", "ledger.sqlite.commits", "config.toml"})
    fs::remove(run_ / name);
  fs::create_directories(run_ / "weights/sl_cai");
  EXPECT_TRUE(refusal().starts_with(place_ + "/weights/sl_cai: is there, and ")) << refusal();
  fs::remove_all(run_ / "weights/sl_cai");
  fs::create_directories(run_ / "checkpoints/sl/ckpt-1-1");
  EXPECT_TRUE(refusal().starts_with(place_ + "/checkpoints/sl: is there, and ")) << refusal();
}

// Killed between the ledger's first commit and config.toml.
TEST_F(RunDirectoryTest, ALedgerOfAStartThatDidNotBeginIsMadeAnew) {
  fs::remove(run_ / "config.toml");
  EXPECT_EQ(refusal(), "begun");
  EXPECT_TRUE(store::Ledger::open_read_only(run_ / "ledger.sqlite").stages().empty());
}

TEST_F(RunDirectoryTest, ChangedDataIsRefusedOrTakenAndRecorded) {
  const auto file = run_.parent_path() / "red.txt";
  put(file, "How?\n");
  auto config = with_updates(8);
  config.run.name = "data";
  config.data.red_team = file.string();
  const auto start = [&](bool accept) {
    auto run = open_run_directory(config);
    take_data(run, measure_data(config, fs::path(CHARTER_SOURCE_DIR) / "config"), accept);
    return begin_run(run, config).events(10);
  };
  EXPECT_TRUE(start(false).empty());
  EXPECT_TRUE(start(true).empty());  // nothing has changed
  put(file, "When?\n");
  EXPECT_THROW((void)start(false), std::runtime_error);
  const auto events = start(true);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].level, "warning");
  EXPECT_TRUE(events[0].text.starts_with("data.red_team: " + file.string() + ": 6 bytes"));
  EXPECT_TRUE(events[0].text.ends_with(kAccepted)) << events[0].text;
  EXPECT_EQ(start(false).size(), 1u);  // it is the run's data from here on
  const auto manifest =
      nlohmann::json::parse(std::ifstream(run_.parent_path() / "data/manifest.json"));
  ASSERT_EQ(manifest["accepted"].size(), 1u);
  EXPECT_EQ(manifest["accepted"][0]["key"], "data.red_team");
  EXPECT_EQ(manifest["accepted"][0]["before"]["files"][0]["bytes"], 5);
  EXPECT_EQ(manifest["inputs"]["data.red_team"]["files"][0]["bytes"], 6);
}

TEST_F(RunDirectoryTest, AModelMayBeElsewhereIfItIsTheSame) {
  const auto first = run_.parent_path() / "a.gguf", second = run_.parent_path() / "b.gguf";
  put(first, "model");
  put(second, "model");
  auto config = with_updates(8);
  config.run.name = "moved";
  config.models.base = first.string();
  auto run = open_run_directory(config);
  run.manifest.set_inputs({{"models.base", to_json(measure_model(first))}});  // as an import does
  (void)begin_run(run, config);
  const auto resume = [&](const std::string& base) {
    config.models.base = base;
    return open_run_directory(config).models.base;
  };
  fs::remove(first);
  EXPECT_EQ(resume(first.string()), first.string());   // it has gone, and nobody needs it
  EXPECT_EQ(resume(""), first.string());               // nor the default model
  EXPECT_EQ(resume(second.string()), first.string());  // the same elsewhere
  put(second, "other");
  EXPECT_THROW((void)resume(second.string()), std::runtime_error);
  EXPECT_THROW((void)resume("/none.gguf"), std::runtime_error);
}

}  // namespace
}  // namespace charter::cli
