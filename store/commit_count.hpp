// The number of a database's last commit, in a small file beside it. It is written after each
// commit, and so is never ahead of the database unless that has lost commits: SQLite says nothing
// when its log is gone, or ends at a damaged frame. Not synced with each: what a power cut takes of
// it is behind, which is in order. Used by one thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace charter::store {

class CommitCount {
 public:
  explicit CommitCount(std::filesystem::path database) : database_(std::move(database)) {}
  ~CommitCount();
  CommitCount(const CommitCount&) = delete;
  CommitCount& operator=(const CommitCount&) = delete;

  // DATABASE.commits
  [[nodiscard]] static std::filesystem::path file_of(const std::filesystem::path& database);
  // 0: there is none, or what is there is no count.
  [[nodiscard]] static int64_t read(const std::filesystem::path& database);

  // Makes the file at the first call. A disk that refuses leaves it behind, which is in order too.
  void write(int64_t count);
  void sync();

 private:
  std::filesystem::path database_;
  int fd_ = -1;
};

}  // namespace charter::store
