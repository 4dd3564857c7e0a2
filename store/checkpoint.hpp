// Atomic checkpoint directories.
//
//   DIR/ckpt-<lineage>-<version>/   complete: manifest.json names every file with its size and XXH3
//   DIR/tmp-...                     what a crash left of one that was being written; removed by the
//   next
//
// A commit writes into a temporary directory, syncs files and directory, and renames: a crash at
// any moment leaves the earlier checkpoints as they were. Used by one process at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace charter::store {

class Ledger;

struct CheckpointVersion {
  int64_t lineage = 0;
  int64_t version = 0;
  auto operator<=>(const CheckpointVersion&) const = default;
};

struct Checkpoint {
  CheckpointVersion at;
  std::filesystem::path path;
  nlohmann::json meta;  // as given to commit
};

struct LatestCheckpoint {
  std::optional<Checkpoint> checkpoint;  // nothing: none is complete and sound
  std::vector<std::string> warnings;     // one line for each that was skipped, with the reason
};

class CheckpointStore {
 public:
  // Creates the directory. keep: how many of the newest sound ones stay, at least 2. What is older
  // than the last of them goes; a damaged one between them takes no place. Whether one is sound is
  // read once an object: damage done later is found by latest(), and by the next process.
  // Throws std::runtime_error when the directory cannot be made or written.
  CheckpointStore(std::filesystem::path dir, size_t keep);

  // `write` fills the directory it is given. On any exception nothing is committed and the
  // exception goes on; disk errors are std::runtime_error with the path. Prunes afterwards. Returns
  // the path. Committing a version that exists replaces it.
  std::filesystem::path commit(CheckpointVersion at,
                               const std::function<void(const std::filesystem::path& dir)>& write,
                               nlohmann::json meta = nlohmann::json::object());

  // The newest complete one whose files all have their sizes and checksums, read anew.
  [[nodiscard]] LatestCheckpoint latest();
  // Complete ones, oldest first, without reading their files.
  [[nodiscard]] std::vector<Checkpoint> list() const;
  // The newest sound one, if the ledger has no version of it for `model`. A ledger is never behind
  // a checkpoint: this one has lost what it knew of it. Nothing: all is in order.
  [[nodiscard]] std::optional<Checkpoint> unknown_to(const Ledger& ledger,
                                                     const std::string& model) const;
  // Empty: sound. Otherwise what is wrong, in one line.
  [[nodiscard]] static std::string verify(const std::filesystem::path& checkpoint);

 private:
  void prune();
  std::filesystem::path dir_;
  size_t keep_;
  std::map<CheckpointVersion, bool> sound_;  // of those written or read by this object
};

}  // namespace charter::store
