// A ledger whose files are taken away under its writer.
#include <gtest/gtest.h>

#include <fstream>

#include "store/ledger.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

namespace fs = std::filesystem;

class DisplacedLedger : public testing::Test {
 protected:
  DisplacedLedger() {
    const WorkItem item{"rl", "rollout", "p", 0, "{}"};
    ledger->add_work(std::span(&item, 1));
  }
  // What the next start of the run finds.
  int64_t found() {
    ledger.reset();
    return Ledger::open(path, "run-1").count_by_state("rl").pending;
  }

  TempDir dir;
  fs::path run = dir.path() / "run";
  fs::path path = (fs::create_directory(run), run / "ledger.sqlite");
  std::optional<Ledger> ledger = Ledger::open(path, "run-1");
};

TEST_F(DisplacedLedger, NothingIsSaidAndDoneWhileAllIsInPlace) {
  EXPECT_EQ(ledger->displaced(), "");
  EXPECT_EQ(ledger->put_back(), "");
  EXPECT_EQ(found(), 1);
}

TEST_F(DisplacedLedger, IsTheSameOnceItIsBack) {
  fs::rename(path, run / "aside");
  EXPECT_EQ(ledger->displaced(), path.string() + ": No such file or directory");
  fs::rename(run / "aside", path);
  EXPECT_EQ(ledger->displaced(), "");
}

TEST_F(DisplacedLedger, ItsDirectoryIsMissedToo) {
  fs::rename(run, dir.path() / "aside");
  EXPECT_EQ(ledger->displaced(), path.string() + ": No such file or directory");
  EXPECT_EQ(ledger->put_back(), "");  // there is no place to put it
  fs::rename(dir.path() / "aside", run);
  EXPECT_EQ(ledger->displaced(), "");
  EXPECT_EQ(found(), 1);
}

TEST_F(DisplacedLedger, ARemovedDatabaseIsWrittenAnew) {
  fs::remove(path);
  EXPECT_EQ(ledger->put_back(), "what it held is in " + path.string());
  EXPECT_EQ(found(), 1);
}

TEST_F(DisplacedLedger, ARemovedLogIsFoldedIntoTheDatabase) {
  fs::remove(path.string() + "-wal");
  EXPECT_EQ(ledger->displaced(), path.string() + "-wal: No such file or directory");
  EXPECT_EQ(ledger->put_back(), "what its log held is in " + path.string());
  EXPECT_EQ(found(), 1);
}

TEST_F(DisplacedLedger, ARemovedIndexOfTheLogIsMissedToo) {
  fs::remove(path.string() + "-shm");
  EXPECT_EQ(ledger->displaced(), path.string() + "-shm: No such file or directory");
  EXPECT_EQ(ledger->put_back(), "what its log held is in " + path.string());
  EXPECT_EQ(found(), 1);
}

TEST_F(DisplacedLedger, AllRemovedAreWrittenAnew) {
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(path.string() + suffix);
  EXPECT_EQ(ledger->put_back(), "what it held is in " + path.string());
  EXPECT_EQ(found(), 1);
}

TEST_F(DisplacedLedger, AnotherFileInItsPlaceIsLeftAlone) {
  fs::rename(path, run / "aside");
  std::ofstream(path) << "not ours";
  EXPECT_EQ(ledger->displaced(), path.string() + ": another file has taken its place");
  EXPECT_EQ(ledger->put_back(), "what it held is in " + path.string() + ".held");
  ledger.reset();
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "not ours");
  EXPECT_EQ(Ledger::open_read_only(path.string() + ".held").count_by_state("rl").pending, 1);
}

}  // namespace
}  // namespace charter::store
