// Looks through the data files of a run before anything is written, so that a damaged one ends the
// command at once and not in the stage that first reads it.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace charter::cli {

// One line a data.* key that names a file: "data.pmp: FILE: 1060 rows, 95 of them held out; 12
// skipped (...)". Keys left empty name the project's own files under `authored`, which are read too
// and get no line. Throws std::runtime_error "data.KEY: FILE:LINE: what was expected".
[[nodiscard]] std::vector<std::string> check_data(const config::RunConfig& config,
                                                  const std::filesystem::path& authored);

}  // namespace charter::cli
