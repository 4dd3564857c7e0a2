#include "cli/run_backup.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>

#include "actors/kept_results.hpp"
#include "cli/run_directory.hpp"
#include "store/manifest.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

// A live run: its ledger is open, with a checkpoint of which it knows, and a result.
class RunBackup : public testing::Test {
 protected:
  RunBackup() {
    run.root = dir.path().string();
    run.name = "run";
    config::RunConfig config;
    config.run = run;
    auto directory = open_run_directory(config);
    paths = directory.paths;
    ledger = std::make_unique<store::Ledger>(begin_run(directory, config));
    checkpoint(3, 8);
    leave("sl_cai");
    actors::remember_kept(*ledger, paths, "sl_cai");
    leave("rl_cai");  // of which the ledger does not know yet
  }
  void checkpoint(int64_t lineage, int64_t version) {
    ledger->add_version({.model = "policy", .lineage = lineage, .version = version});
    store::CheckpointStore(paths.checkpoints("policy"), 2)
        .commit({lineage, version},
                [](const fs::path& to) { std::ofstream(to / "w") << "weights"; });
  }
  void leave(const std::string& name) const {
    fs::create_directories(paths.weights() / name);
    std::ofstream(paths.weights() / name / "w") << name;
    store::Manifest::write(paths.weights() / name);
  }
  std::string refusal(const fs::path& to) const {
    try {
      (void)back_up(paths.run, to);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "backed up";
  }

  store::TempDir dir;
  config::RunSection run;
  actors::RunPaths paths;
  std::unique_ptr<store::Ledger> ledger;
  fs::path out = dir.path() / "copy";
};

TEST_F(RunBackup, OfALiveRunIsOneThatCanBeResumed) {
  leave("base");
  actors::remember_kept(*ledger, paths, "base");
  const auto made = back_up(paths.run, out);
  EXPECT_EQ(made.ledger_commits, ledger->commits());
  EXPECT_EQ(made.checkpoints, std::vector<std::string>{"policy/ckpt-3-8"});
  EXPECT_EQ(made.weights, (std::vector<std::string>{"base", "sl_cai"}));
  ledger->add_event("info", "the run goes on");
  config::RunConfig config;
  config.run = run;
  config.run.name = "copy";
  auto copy = open_run_directory(config);
  EXPECT_TRUE(copy.resumed);
  const auto copied = begin_run(copy, config);
  EXPECT_EQ(copied.versions("policy").size(), 1u);
  EXPECT_EQ(copied.commits(), made.ledger_commits);
  for (const auto& entry : fs::directory_iterator(dir.path()))  // nothing else is left
    EXPECT_TRUE(entry.path() == out || entry.path() == paths.run) << entry.path();
}

TEST_F(RunBackup, DamagedCheckpointsAreLeftOutWhereASoundOneIsThere) {
  checkpoint(3, 9);
  std::ofstream(paths.checkpoints("policy") / "ckpt-3-9/w") << "damaged";
  EXPECT_EQ(back_up(paths.run, out).checkpoints, std::vector<std::string>{"policy/ckpt-3-8"});
  std::ofstream(paths.checkpoints("policy") / "ckpt-3-8/w") << "damaged";
  EXPECT_EQ(refusal(dir.path() / "other"),
            paths.checkpoints("policy").string() + ": no checkpoint in it is sound, expected one");
  EXPECT_FALSE(fs::exists(dir.path() / "other"));
}

TEST_F(RunBackup, DamagedWeightsAreRefused) {
  leave("base");
  actors::remember_kept(*ledger, paths, "base");
  std::ofstream(paths.weights() / "sl_cai/w") << "SL_CAI";
  EXPECT_TRUE(refusal(out).starts_with((paths.weights() / "sl_cai/w").string() + ": checksum "))
      << refusal(out);
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(RunBackup, OnlyAnEmptyPlaceIsTaken) {
  fs::create_directory(out);
  std::ofstream(out / "file") << "kept";
  EXPECT_EQ(refusal(out), out.string() + ": exists, expected a new or an empty directory (--out)");
  fs::remove(out / "file");
  EXPECT_EQ(refusal(out.string() + "/"), "backed up");
  EXPECT_TRUE(fs::exists(out / "ledger.sqlite"));
  EXPECT_NE(refusal("/proc/none/copy").find("expected a directory that can be made"),
            std::string::npos);
  try {
    (void)back_up(dir.path() / "none", dir.path() / "new");
    FAIL() << "there is no run";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              (dir.path() / "none").string() + ": no such run directory");
  }
}

// While it is copied the run commits checkpoints, each of which prunes another.
TEST_F(RunBackup, CheckpointsMayBePrunedMeanwhile) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int64_t version = 9; !stop; ++version) checkpoint(3, version);
  });
  for (int i = 0; i < 5; ++i) {
    const auto made = back_up(paths.run, out.string() + std::to_string(i));
    EXPECT_FALSE(made.checkpoints.empty());
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace charter::cli
