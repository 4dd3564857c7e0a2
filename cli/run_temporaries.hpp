// What a run keeps outside its directory while it lives: snapshots in shared memory, and sockets
// where the run's own directory has no place for them. All of it goes with the object, and with the
// process if that is killed.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace charter::cli {

class RunTemporaries {
 public:
  // Makes the directories anew, readable by their owner alone; what an earlier process of the same
  // run left is removed, so the caller holds the run's lock. Throws std::runtime_error naming the
  // directory when it cannot be made.
  RunTemporaries(const std::filesystem::path& run, const std::string& run_id);
  ~RunTemporaries();
  RunTemporaries(const RunTemporaries&) = delete;
  RunTemporaries& operator=(const RunTemporaries&) = delete;

  [[nodiscard]] const std::filesystem::path& shared_memory() const { return shared_memory_; }
  [[nodiscard]] const std::filesystem::path& sockets() const { return sockets_; }

 private:
  void start_cleaner();

  std::filesystem::path shared_memory_, sockets_;
  // A shell that waits for the end of this process and of all its children, and removes the
  // directories then. kill -9 gives nobody else the chance, and shared memory is memory.
  pid_t cleaner_ = -1;
  int alive_ = -1;  // the end of the pipe that its children inherit too
};

}  // namespace charter::cli
