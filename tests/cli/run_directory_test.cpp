// What a started run takes of an edited rl.updates: whether it may change is in the ledger.
#include "cli/run_directory.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

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
    begin_run(run, config);
  }
  void set_rl(StageState state) const {
    actors::RunPaths paths{dir_.path() / "test"};
    auto ledger = store::Ledger::open(paths.ledger(), "0123456789abcdef");
    ledger.set_stage({.name = "rl", .state = state});
  }

 private:
  store::TempDir dir_;

 protected:
  const std::string place_ = (dir_.path() / "test").string();
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
  expect_taken();  // no ledger yet
  for (const auto state : {StageState::kPending, StageState::kRunning}) {
    set_rl(state);
    expect_taken();
  }
}

TEST_F(RunDirectoryTest, ATakenChangeIsWhatTheNextOneIsComparedWith) {
  begin(with_updates(30));
  EXPECT_EQ(open_run_directory(with_updates(8)).accepted,
            std::vector<std::string>{"rl.updates: 30 -> 8"});
}

TEST_F(RunDirectoryTest, UpdatesAreFixedOnceTheRlStageIsDone) {
  set_rl(StageState::kDone);
  for (const int32_t updates : {30, 4}) {
    try {
      (void)open_run_directory(with_updates(updates));
      FAIL() << "expected a refusal of " << updates;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), place_ +
                                  ": rl.updates: the rl stage is done with 8 updates; expected "
                                  "this value, or another run.name");
    }
  }
  EXPECT_TRUE(open_run_directory(with_updates(8)).accepted.empty());
}

// Killed after the result was written and before the ledger said so.
TEST_F(RunDirectoryTest, UpdatesAreFixedOnceTheResultIsThere) {
  set_rl(StageState::kRunning);
  std::filesystem::create_directories(open_run_directory(with_updates(8)).paths.weights() /
                                      "rl_cai");
  try {
    (void)open_run_directory(with_updates(30));
    FAIL() << "expected a refusal";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("rl.updates: the rl stage is done"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace charter::cli
