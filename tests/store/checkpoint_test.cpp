#include "store/checkpoint.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <csignal>
#include <fstream>
#include <sstream>

#include "store/ledger.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

class CheckpointTest : public testing::Test {
 protected:
  fs::path commit(int64_t lineage, int64_t version) {
    return store.commit({lineage, version},
                        [version](const fs::path& dir) {
                          put(dir / "policy.bin", "weights " + std::to_string(version));
                          fs::create_directory(dir / "optimizer");
                          put(dir / "optimizer" / "adam.bin", std::string(3 << 20, 'a'));
                        },
                        {{"step", version}});
  }
  std::vector<CheckpointVersion> versions() {
    std::vector<CheckpointVersion> found;
    for (const Checkpoint& each : store.list()) found.push_back(each.at);
    return found;
  }
  TempDir temp;
  fs::path dir = temp.path() / "checkpoints";
  CheckpointStore store{dir, 2};
};

using Versions = std::vector<CheckpointVersion>;

TEST_F(CheckpointTest, TheNewestIsFoundWithItsMeta) {
  EXPECT_FALSE(store.latest().checkpoint);
  commit(0, 9);
  commit(0, 10);
  const auto latest = store.latest();
  ASSERT_TRUE(latest.checkpoint);
  EXPECT_EQ(latest.checkpoint->at, (CheckpointVersion{0, 10}));
  EXPECT_EQ(latest.checkpoint->meta["step"], 10);
  EXPECT_EQ(latest.checkpoint->path, dir / "ckpt-0-10");
  EXPECT_TRUE(latest.warnings.empty());
}

TEST_F(CheckpointTest, ALaterLineageIsNewerThanAHigherVersion) {
  commit(0, 20);
  commit(1, 15);
  EXPECT_EQ(store.latest().checkpoint->at, (CheckpointVersion{1, 15}));
}

TEST_F(CheckpointTest, OldOnesArePruned) {
  for (int64_t version = 1; version <= 4; ++version) commit(0, version);
  EXPECT_EQ(versions(), (Versions{{0, 3}, {0, 4}}));
  EXPECT_EQ(CheckpointStore::verify(dir / "ckpt-0-3"), "");
}

TEST_F(CheckpointTest, PruningReadsEachOnce) {
  commit(0, 1);
  const fs::path second = commit(0, 2);
  CheckpointStore restarted(dir, 2);
  const auto add = [&](int64_t version) {
    return restarted.commit({0, version}, [](const fs::path& path) { put(path / "w", "weights"); });
  };
  const fs::path third = add(3);  // reads 2, goes by what the write of 3 measured
  EXPECT_EQ(versions(), (Versions{{0, 2}, {0, 3}}));
  // Damage that only reading shows. Read again, 3 would take no place and 2 would stay.
  put(third / "w", "weighty");
  add(4);
  EXPECT_EQ(versions(), (Versions{{0, 3}, {0, 4}}));
  // latest() reads anew, and pruning goes by what it found: 4 takes no place, so 3 would stay were
  // it sound.
  put(dir / "ckpt-0-4" / "w", "weighty");
  EXPECT_FALSE(restarted.latest().checkpoint);
  add(5);
  EXPECT_EQ(versions(), (Versions{{0, 3}, {0, 4}, {0, 5}}));
}

TEST_F(CheckpointTest, DamagedOnesDoNotTakeThePlacesOfSoundOnes) {
  CheckpointStore three(dir, 3);
  // Each by a process of its own, which has not read them before.
  const auto add = [&](int64_t version) {
    return CheckpointStore(dir, 3).commit({0, version},
                                          [](const fs::path& path) { put(path / "w", "weights"); });
  };
  add(1);
  const fs::path second = add(2), third = add(3);
  put(second / "w", "damaged");
  fs::remove(third / "manifest.json");
  const fs::path fourth = add(4);
  // Two sound ones are fewer than the three to keep: nothing goes, the first least of all.
  EXPECT_EQ(CheckpointStore::verify(dir / "ckpt-0-1"), "");
  put(fourth / "w", "damaged");
  ASSERT_TRUE(three.latest().checkpoint);
  EXPECT_EQ(three.latest().checkpoint->at, (CheckpointVersion{0, 1}));
  // Sound: 1, 5, 6, then 5, 6, 7. What is older than the third newest sound one goes, damaged or
  // not.
  add(5), add(6);
  EXPECT_TRUE(fs::exists(dir / "ckpt-0-1"));
  add(7);
  EXPECT_EQ(versions(), (Versions{{0, 5}, {0, 6}, {0, 7}}));
  EXPECT_FALSE(fs::exists(second));
  EXPECT_FALSE(fs::exists(third));
}

TEST_F(CheckpointTest, FewerThanTwoAreNeverKept) {
  CheckpointStore greedy(dir, 0);
  commit(0, 1);
  greedy.commit({0, 2}, [](const fs::path&) {});
  EXPECT_EQ(versions().size(), 2u);
}

TEST_F(CheckpointTest, DamageIsSkippedWithAWarningThatNamesIt) {
  commit(0, 1);
  const fs::path newest = commit(0, 2);
  const auto damaged = [&](const std::string& expected) {
    const auto latest = store.latest();
    ASSERT_TRUE(latest.checkpoint);
    EXPECT_EQ(latest.checkpoint->at.version, 1) << expected;
    ASSERT_EQ(latest.warnings.size(), 1u);
    EXPECT_EQ(latest.warnings[0].find("ckpt-0-2: skipped, " + expected), 0u) << latest.warnings[0];
  };
  const fs::path adam = newest / "optimizer" / "adam.bin";
  fs::resize_file(adam, 1000);
  damaged("optimizer/adam.bin: 1000 bytes, expected 3145728");
  commit(0, 2);
  {
    std::fstream file(adam, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2000000);
    file.put('b');
  }
  damaged("optimizer/adam.bin: checksum ");
  commit(0, 2);
  fs::remove(newest / "policy.bin");
  damaged("policy.bin: missing or not readable");
  commit(0, 2);
  fs::remove(newest / "manifest.json");
  damaged("manifest.json is missing or not readable");
}

TEST_F(CheckpointTest, AnyFlippedByteOfTheManifestIsSeen) {
  const fs::path path = commit(0, 1) / "manifest.json";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  for (size_t i = 0; i < text.str().size(); i += 3) {
    std::string flipped = text.str();
    if (std::isspace(static_cast<unsigned char>(flipped[i]))) continue;
    flipped[i] ^= 1;
    put(path, flipped);
    EXPECT_NE(CheckpointStore::verify(dir / "ckpt-0-1"), "") << i;
  }
}

TEST_F(CheckpointTest, AWriterThatFailsLeavesNothing) {
  commit(0, 1);
  EXPECT_THROW(store.commit({0, 2},
                            [](const fs::path& path) {
                              put(path / "half.bin", "half");
                              throw std::runtime_error("disk full");
                            }),
               std::runtime_error);
  EXPECT_EQ(store.latest().checkpoint->at.version, 1);
  EXPECT_TRUE(store.latest().warnings.empty());
}

TEST_F(CheckpointTest, AKillWhileWritingLeavesTheOneBefore) {
  commit(0, 1);
  const pid_t child = ::fork();
  if (child == 0) {
    store.commit({0, 2}, [](const fs::path& path) {
      put(path / "half.bin", "half");
      ::kill(::getpid(), SIGKILL);
    });
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto latest = store.latest();
  EXPECT_EQ(latest.checkpoint->at.version, 1);
  ASSERT_EQ(latest.warnings.size(), 1u);
  EXPECT_EQ(latest.warnings[0], "tmp-ckpt-0-2: skipped, not complete");
  commit(0, 3);
  EXPECT_TRUE(store.latest().warnings.empty());
  EXPECT_FALSE(fs::exists(dir / "tmp-ckpt-0-2"));
}

TEST_F(CheckpointTest, OneThatTheLedgerHasNoVersionOfIsFound) {
  Ledger ledger = Ledger::open(temp.path() / "ledger.sqlite", "run");
  const auto knows = [&](int64_t lineage, int64_t version) {
    ledger.add_version({.model = "policy", .lineage = lineage, .version = version});
  };
  EXPECT_FALSE(store.unknown_to(ledger, "policy"));
  commit(1, 2);
  ASSERT_TRUE(store.unknown_to(ledger, "policy"));
  knows(1, 2);
  EXPECT_FALSE(store.unknown_to(ledger, "policy"));
  EXPECT_TRUE(store.unknown_to(ledger, "pm"));  // each model has versions of its own
  const fs::path newest = commit(2, 1);         // another lineage's
  ASSERT_TRUE(store.unknown_to(ledger, "policy"));
  EXPECT_EQ(store.unknown_to(ledger, "policy")->path, newest);
  // A restore skips a damaged one, and takes its version back with those after it.
  put(newest / "policy.bin", "damaged");
  EXPECT_FALSE(store.unknown_to(ledger, "policy"));
}

TEST_F(CheckpointTest, ForeignNamesAreIgnored) {
  commit(0, 1);
  for (const char* name : {"ckpt-", "ckpt-1", "ckpt-1-", "ckpt-a-b", "ckpt-1-2x", "notes"}) {
    fs::create_directory(dir / name);
  }
  EXPECT_EQ(versions(), (Versions{{0, 1}}));
  EXPECT_EQ(store.latest().checkpoint->at.version, 1);
}

TEST(CheckpointStore, ADirectoryThatCannotBeMadeIsAnError) {
  EXPECT_THROW(CheckpointStore("/proc/none/checkpoints", 2), std::runtime_error);
}

}  // namespace
}  // namespace charter::store
