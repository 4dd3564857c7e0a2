// A ledger that has lost commits is refused and stays as it is. All but its header lies in the log,
// as in a run that was killed soon after it began.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "store/commit_count.hpp"
#include "store/ledger.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void flip_a_bit(const fs::path& path, int64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const char flipped = static_cast<char>(file.get() ^ 1);
  file.seekp(offset);
  file.put(flipped);
}

class LedgerLoss : public testing::Test {
 protected:
  // The files as a kill leaves them: copied while the writer has them open.
  LedgerLoss() {
    Ledger ledger = Ledger::open(live / "ledger.sqlite", "run");
    for (int i = 0; i < 20; ++i) ledger.add_event("info", "event " + std::to_string(i));
    commits = ledger.commits();
    fs::copy(live, killed, fs::copy_options::recursive);
  }
  std::string refusal(const Expected& expected = {}) {
    try {
      (void)Ledger::open(path, "run", WriterLock::of(path), expected);
    } catch (const LedgerError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "opened";
  }
  std::string lost(int64_t got, int64_t least) const {
    return "ledger " + path.string() + ": holds " + std::to_string(got) +
           " commits, expected at least " + std::to_string(least) +
           ": it was cut back, or its log ledger.sqlite-wal is missing, damaged or of another "
           "time: restore it from a backup together with the rest of " +
           killed.string() + ", or move that directory away to begin anew";
  }

  TempDir dir;
  fs::path live = make(dir.path() / "live"), killed = dir.path() / "killed";
  fs::path path = killed / "ledger.sqlite", log = killed / "ledger.sqlite-wal";
  int64_t commits = 0;

 private:
  static fs::path make(const fs::path& path) {
    fs::create_directory(path);
    return path;
  }
};

// The one that made the tables, and twenty events.
TEST_F(LedgerLoss, EveryCommitIsCounted) {
  EXPECT_EQ(commits, 21);
  EXPECT_EQ(CommitCount::read(path), 21);
  EXPECT_EQ(refusal(), "opened");
  Ledger ledger = Ledger::open(path, "run");
  EXPECT_EQ(ledger.commits(), 21);
  ledger.batch([&] {
    ledger.set_meta("a", "b");
    ledger.add_event("info", "in one");
  });
  EXPECT_THROW(ledger.batch([] { throw std::runtime_error("undone"); }), std::runtime_error);
  EXPECT_EQ(ledger.commits(), 22);
  EXPECT_EQ(CommitCount::read(path), 22);
}

TEST_F(LedgerLoss, WithoutItsLogItIsRefused) {
  fs::remove(log);
  EXPECT_EQ(refusal(), lost(0, 21));
}

TEST_F(LedgerLoss, OneFlippedBitOfTheLogIsRefusedAndTheLogStays) {
  // Of a frame in the middle: SQLite drops it and all after it without a word.
  flip_a_bit(log, static_cast<int64_t>(fs::file_size(log)) / 2);
  const std::string damaged = content(log), database = content(path);
  const std::string text = refusal();
  EXPECT_NE(text.find("expected at least 21"), std::string::npos) << text;
  EXPECT_EQ(text.find("holds 21"), std::string::npos) << text;
  EXPECT_EQ(content(log), damaged);
  EXPECT_EQ(content(path), database);
  try {
    (void)Ledger::open_read_only(path);
    FAIL() << "a reader takes it for the run's state";
  } catch (const LedgerError& error) {
    EXPECT_NE(std::string(error.what()).find("expected at least 21"), std::string::npos);
  }
  flip_a_bit(log, static_cast<int64_t>(fs::file_size(log)) / 2);  // mended
  EXPECT_EQ(refusal(), "opened");
}

// Bit by bit through the last commit's frames and the log's header: lost or not, never taken
// silently.
TEST_F(LedgerLoss, WhereverTheBitFlipsTheCountTells) {
  const auto size = static_cast<int64_t>(fs::file_size(log));
  for (int64_t at = 0; at < size; at += 997) {
    flip_a_bit(log, at);
    const std::string text = refusal();
    flip_a_bit(log, at);
    EXPECT_NE(text.find("expected at least 21"), std::string::npos) << at << ": " << text;
  }
}

TEST_F(LedgerLoss, AMissingOrEmptyOneIsRefused) {
  const auto why = [&](const char* what) {
    return "ledger " + path.string() + ": is " + what +
           " beside a run that has begun: restore it from a backup together with the rest of " +
           killed.string() + ", or move that directory away to begin anew";
  };
  fs::resize_file(path, 0);
  EXPECT_EQ(refusal(), why("empty"));
  EXPECT_EQ(fs::file_size(path), 0u);
  EXPECT_GT(fs::file_size(log), 0u);  // SQLite would delete it
  fs::remove(path);
  EXPECT_EQ(refusal(), why("missing"));
  EXPECT_FALSE(fs::exists(path));
}

// Without the count beside it, what the caller knows decides.
TEST_F(LedgerLoss, TheCallerMayKnowHowManyThereWere) {
  fs::remove(CommitCount::file_of(path));
  EXPECT_EQ(refusal({.exists = true, .commits = 22}), lost(21, 22));
  EXPECT_EQ(refusal({.exists = true, .commits = 21}), "opened");
  fs::remove(log);  // the opening above has moved it into the database
  EXPECT_EQ(refusal({.exists = true}), "opened");
  fs::remove(CommitCount::file_of(path));
  fs::remove(path);
  EXPECT_NE(refusal({.exists = true}), "opened");
}

// A copy of the database alone, taken while all of it was in the log.
TEST_F(LedgerLoss, AHeaderWithoutTablesIsNotANewLedger) {
  fs::remove(log);
  fs::remove(CommitCount::file_of(path));
  EXPECT_EQ(refusal({.exists = true}), lost(0, 1));
  EXPECT_EQ(refusal(), "opened");
}

TEST_F(LedgerLoss, AnOlderCopyIsRefused) {
  Ledger ledger = Ledger::open(path, "run");
  ledger.fold_log(true);
  fs::copy_file(path, dir.path() / "old");
  ledger.add_event("info", "later");
  { const Ledger closed = std::move(ledger); }
  fs::copy_file(dir.path() / "old", path, fs::copy_options::overwrite_existing);
  EXPECT_EQ(refusal(), lost(21, 22));
}

TEST_F(LedgerLoss, FoldingTheLogPutsAllIntoTheDatabase) {
  Ledger ledger = Ledger::open(path, "run");
  ledger.add_event("info", "in the log");
  ledger.fold_log(false);
  EXPECT_GT(fs::file_size(log), 0u);
  ledger.add_event("info", "in the log too");
  ledger.fold_log(true);
  EXPECT_EQ(fs::file_size(log), 0u);
  fs::copy_file(path, dir.path() / "alone");
  EXPECT_EQ(Ledger::open_read_only(dir.path() / "alone").commits(), 23);
}

// A reader in the middle of its work is waited for, and no fault when it stays.
TEST_F(LedgerLoss, ACopyOfALiveLedgerIsOneState) {
  Ledger ledger = Ledger::open(path, "run");
  const Ledger reader = Ledger::open_read_only(path);
  const auto copy = dir.path() / "copy.sqlite";
  reader.copy_to(copy);
  ledger.add_event("info", "after the copy");
  EXPECT_EQ(CommitCount::read(copy), 21);
  Ledger copied = Ledger::open(copy, "run");
  EXPECT_EQ(copied.commits(), 21);
  EXPECT_EQ(copied.events(1)[0].text, "event 19");
}

}  // namespace
}  // namespace charter::store
