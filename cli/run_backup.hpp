// A copy of a run that `charter run COPY/config.toml` goes on with: of one that is at rest, or of a
// live one, which goes on meanwhile.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace charter::cli {

struct Backup {
  int64_t ledger_commits = 0;
  std::vector<std::string> checkpoints;  // "policy/ckpt-3-8"
  std::vector<std::string> weights;      // names under weights/
  uint64_t bytes = 0;                    // of all files
};

// Copies the ledger by SQLite's backup, config.toml and manifest.json, and the checkpoints and
// weights that this ledger knows, each checked against its checksums. to: a directory that does not
// exist or is empty; it appears complete, or not at all. Throws std::runtime_error or
// store::LedgerError, one line, when the run is not one, cannot be read or has damaged weights.
Backup back_up(const std::filesystem::path& run, const std::filesystem::path& to);

}  // namespace charter::cli
