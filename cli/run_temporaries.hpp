// Where a run keeps what does not outlive it: snapshots, in shared memory while that has room and
// in the run's directory else, and sockets, in the run's directory or, where it has no place for
// them, in a temporary one. All of it goes with the object, and with the process if that is killed.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "actors/publish.hpp"

namespace charter::cli {

// The file system that snapshots go through, and how many bytes of it they take at most.
struct SharedMemory {
  std::filesystem::path directory = "/dev/shm";
  int64_t needed_bytes = 0;
};

// Why the snapshots cannot lie there, in one line with both numbers, or "".
[[nodiscard]] std::string shortage(const SharedMemory& memory);

class RunTemporaries {
 public:
  // Makes the directories anew, readable by their owner alone; what an earlier process of the same
  // run left is removed, so the caller holds the run's lock. Throws std::runtime_error naming the
  // directory when it cannot be made, or when no directory takes sockets.
  RunTemporaries(const std::filesystem::path& run, const std::string& run_id,
                 const SharedMemory& memory = {});
  ~RunTemporaries();
  RunTemporaries(const RunTemporaries&) = delete;
  RunTemporaries& operator=(const RunTemporaries&) = delete;

  [[nodiscard]] const actors::SnapshotPlaces& snapshots() const { return snapshots_; }
  [[nodiscard]] const std::filesystem::path& sockets() const { return sockets_; }
  // Why the snapshots lie in the run's directory, or "".
  [[nodiscard]] const std::string& shortage() const { return shortage_; }

 private:
  void make_snapshot_places(const std::filesystem::path& run, const std::string& prefix,
                            const SharedMemory& memory);
  void make_socket_place(const std::filesystem::path& run, const std::string& prefix);
  void start_cleaner();
  [[nodiscard]] std::vector<std::filesystem::path> made() const;

  actors::SnapshotPlaces snapshots_;
  std::filesystem::path sockets_;
  std::string shortage_;
  // A shell that waits for the end of this process and of all its children, and removes the
  // directories then. kill -9 gives nobody else the chance, and shared memory is memory.
  pid_t cleaner_ = -1;
  int alive_ = -1;  // the end of the pipe that its children inherit too
};

}  // namespace charter::cli
