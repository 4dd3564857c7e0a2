// Ledgers that are read where nothing can be written: another user's folder, a read-only copy.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

#include "store/ledger.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

namespace fs = std::filesystem;

// The text that `read` returns, or its error, in a process that may write nothing here: of root's
// rights nothing is left to it.
std::string as_a_stranger(const std::function<std::string()>& read) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    std::string text = "cannot become another user";
    if (::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0)) {
      try {
        text = read();
      } catch (const std::exception& error) {
        text = error.what();
      }
    }
    const ssize_t written = ::write(pipe[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string text;
  std::array<char, 4096> chunk{};
  for (ssize_t got = 0; (got = ::read(pipe[0], chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<size_t>(got));
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

class LedgerAtRest : public testing::Test {
 protected:
  // Three items are in the database and two more in its log.
  void SetUp() override {
    live.emplace(Ledger::open(made, "run-1"));
    add(*live, 0, 3);
    live->fold_log(/*truncate=*/true);
    add(*live, 3, 2);
    fs::create_directory(folder);
  }
  void TearDown() override { fs::permissions(folder, fs::perms::owner_all); }

  static void add(Ledger& ledger, int first, int count) {
    std::vector<WorkItem> items;
    for (int i = first; i < first + count; ++i)
      items.push_back({"rl", "rollout", "p" + std::to_string(i), 0, "{}"});
    ledger.add_work(items);
  }
  void copy(std::initializer_list<const char*> ends) {
    for (const char* end : ends) {
      const fs::path to = folder / (std::string("ledger.sqlite") + end);
      fs::copy_file(made.string() + end, to);
      fs::permissions(to, fs::perms(0444));
    }
    fs::permissions(folder, fs::perms(0555));
    fs::permissions(dir.path(), fs::perms(0755));
  }
  [[nodiscard]] std::string pending() const {
    return as_a_stranger([this] {
      const auto ledger = Ledger::open_read_only(folder / "ledger.sqlite");
      return std::to_string(ledger.count_by_state("rl").pending) + " pending";
    });
  }

  TempDir dir;
  fs::path made = dir.path() / "made.sqlite";
  fs::path folder = dir.path() / "a run?50%#1";
  std::optional<Ledger> live;
};

TEST_F(LedgerAtRest, IsReadWithoutItsLog) {
  live.reset();  // folds the log into the database
  copy({""});
  EXPECT_EQ(pending(), "5 pending");
}

TEST_F(LedgerAtRest, IsReadWithItsLogAndWithoutTheIndex) {
  copy({"", "-wal"});
  EXPECT_EQ(pending(), "5 pending");
}

TEST_F(LedgerAtRest, IsReadWithAnEmptyLog) {
  live->fold_log(/*truncate=*/true);
  copy({"", "-wal"});
  EXPECT_EQ(pending(), "5 pending");
}

TEST_F(LedgerAtRest, IsReadWithLogAndIndex) {
  copy({"", "-wal", "-shm"});
  EXPECT_EQ(pending(), "5 pending");
}

TEST_F(LedgerAtRest, ALiveOneIsReadAsItGoesOn) {
  fs::permissions(dir.path(), fs::perms(0755));
  for (const char* end : {"", "-wal", "-shm"})
    fs::permissions(made.string() + end, fs::perms(0644));
  const auto count = [this] {
    return as_a_stranger([this] {
      const auto ledger = Ledger::open_read_only(made);
      return std::to_string(ledger.count_by_state("rl").pending) + " pending";
    });
  };
  EXPECT_EQ(count(), "5 pending");
  add(*live, 5, 2);
  EXPECT_EQ(count(), "7 pending");
}

}  // namespace
}  // namespace charter::store
