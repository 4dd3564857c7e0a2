#include "actors/kept_results.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "actors/kept_model.hpp"
#include "store/manifest.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

namespace fs = std::filesystem;

class KeptResults : public testing::Test {
 protected:
  KeptResults() { fs::create_directories(paths.weights() / "sl_cai"); }
  void put(const fs::path& file, const std::string& text) const {
    std::ofstream(file, std::ios::binary) << text;
  }
  // A directory as a stage leaves it behind.
  void leave(const std::string& text) const {
    put(paths.weights() / "sl_cai/w", text);
    store::Manifest::write(paths.weights() / "sl_cai");
  }
  std::string refusal() const {
    try {
      check_kept(ledger, paths);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "as known";
  }
  void add_work(const std::string& stage) {
    const store::WorkItem item{stage, "sft", "1", 0, "{}"};
    (void)ledger.add_work({&item, 1});
  }

  store::TempDir dir;
  RunPaths paths{dir.path()};
  store::Ledger ledger = store::Ledger::open(dir.path() / "ledger.sqlite", "run");
  config::RunConfig config;
};

TEST_F(KeptResults, AnotherModelInTheResultsPlaceIsRefused) {
  leave("weights");
  EXPECT_EQ(refusal(), "as known");  // not known yet, as in a run that an earlier version began
  remember_kept(ledger, paths, "sl_cai");
  EXPECT_TRUE(knows_kept(ledger, "sl_cai"));
  EXPECT_FALSE(knows_kept(ledger, "rl_cai"));
  EXPECT_EQ(refusal(), "as known");
  const auto known = *ledger.meta("weights.sl_cai");
  leave("another run's");  // sound, with a manifest of its own
  const auto manifest = paths.weights() / "sl_cai/manifest.json";
  const auto what_to_do = " as the ledger knows it: restore it from a backup, or move " +
                          (paths.weights() / "sl_cai").string() +
                          " away and start the run again, which makes it anew";
  EXPECT_EQ(refusal(), manifest.string() + ": checksum " +
                           store::Manifest::read(paths.weights() / "sl_cai")->xxh3() +
                           ", expected " + known + what_to_do);
  fs::remove(manifest);
  EXPECT_EQ(refusal(),
            manifest.string() + ": is missing or damaged, expected checksum " + known + what_to_do);
  fs::remove_all(paths.weights() / "sl_cai");  // to be made again
  EXPECT_EQ(refusal(), "as known");
}

TEST_F(KeptResults, ASnapshotIsKnownByItsTensors) {
  const auto file = paths.weights() / "pm.safetensors";
  model::write_snapshot({.model = "pm", .tensors = {{"a", at::ones({4})}}}, file, true);
  remember_kept(ledger, paths, "pm.safetensors");
  EXPECT_EQ(refusal(), "as known");
  model::write_snapshot({.model = "pm", .tensors = {{"a", at::zeros({4})}}}, file, true);
  EXPECT_TRUE(refusal().starts_with(file.string() + ": checksum " + kept_sum(file) + ", expected "))
      << refusal();
  put(file, "short");
  EXPECT_TRUE(refusal().starts_with(file.string() + ": is missing or damaged, expected checksum "))
      << refusal();
}

TEST_F(KeptResults, RememberingIsOfWhatIsThere) {
  remember_kept(ledger, paths, "");
  remember_kept(ledger, paths, "rl_cai");
  remember_kept(ledger, paths, "sl_cai");  // without a manifest
  for (const char* name : {"", "rl_cai", "sl_cai"}) EXPECT_FALSE(knows_kept(ledger, name)) << name;
}

TEST_F(KeptResults, AResultIsMissingWhereThereIsWorkAndNoFile) {
  const auto sl = find_phase(config, "sl_train"), rl = find_phase(config, "rl"),
             label = find_phase(config, "label");
  EXPECT_FALSE(result_missing(ledger, paths, rl));  // no work, as where there is no data
  for (const char* stage : {"sl_train", "rl", "label"}) add_work(stage);
  EXPECT_TRUE(result_missing(ledger, paths, rl));
  EXPECT_FALSE(result_missing(ledger, paths, sl));     // sl_cai is there
  EXPECT_FALSE(result_missing(ledger, paths, label));  // leaves nothing but records
}

TEST_F(KeptResults, WithoutACheckpointAMissingResultIsLost) {
  const auto phase = find_phase(config, "rl");
  const auto lost = [&] {
    try {
      require_checkpoint(paths, phase);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(lost(), (paths.weights() / "rl_cai").string() + ": is missing, and no checkpoint in " +
                        paths.checkpoints("policy").string() +
                        " can make it again: restore a backup of the run");
  store::CheckpointStore(paths.checkpoints("policy"), 2).commit({1, 2}, [&](const fs::path& to) {
    put(to / "w", "weights");
  });
  EXPECT_EQ(lost(), "");
}

}  // namespace
}  // namespace charter::actors
