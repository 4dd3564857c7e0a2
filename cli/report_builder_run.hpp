// A run's directory as a user names it.
#pragma once
#include <filesystem>
#include <string>

#include "store/ledger.hpp"

namespace charter::cli {

// Read-only, so that a live run is not disturbed. Throws std::runtime_error, one line with the
// path, when the directory or its ledger does not exist, and store::LedgerError for a damaged one.
[[nodiscard]] store::Ledger open_run_ledger(const std::filesystem::path& run_dir);

// The directory's own name: "quickstart" of "runs/quickstart/".
[[nodiscard]] std::string run_name(const std::filesystem::path& run_dir);

}  // namespace charter::cli
