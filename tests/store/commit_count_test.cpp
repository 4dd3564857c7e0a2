#include "store/commit_count.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

TEST(CommitCount, IsReadBackAndReplaced) {
  const TempDir dir;
  const auto database = dir.path() / "l.sqlite";
  EXPECT_EQ(CommitCount::read(database), 0);
  CommitCount count(database);
  for (const int64_t value : {7, 123456789, 8}) {
    count.write(value);
    EXPECT_EQ(CommitCount::read(database), value);
  }
  EXPECT_EQ(CommitCount::file_of(database), dir.path() / "l.sqlite.commits");
}

TEST(CommitCount, ADamagedOneIsNone) {
  const TempDir dir;
  const auto database = dir.path() / "l.sqlite";
  CommitCount(database).write(7);
  const auto file = CommitCount::file_of(database);
  for (int64_t at = 0; at < static_cast<int64_t>(std::filesystem::file_size(file)); ++at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(at);
    const char was = static_cast<char>(stream.get());
    const auto put = [&](char c) {
      stream.seekp(at);
      stream.put(c);
      stream.flush();
    };
    put(static_cast<char>(was ^ 1));
    EXPECT_EQ(CommitCount::read(database), 0) << at;
    put(was);
  }
  EXPECT_EQ(CommitCount::read(database), 7);
}

TEST(CommitCount, AFolderThatTakesNoFileIsNoFault) {
  CommitCount count("/proc/none/l.sqlite");
  count.write(1);
  count.sync();
  EXPECT_EQ(CommitCount::read("/proc/none/l.sqlite"), 0);
}

}  // namespace
}  // namespace charter::store
