// Everything that is looked at before the first stage: one list, which `charter run`, `charter
// config check` and `charter plan` go through. What would end the run later, or leave it with
// nothing, is refused; what it will lack or lose is said.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace charter::cli {

struct StartFindings {
  std::vector<std::string> data;      // what the data files hold; one line a data.* key
  std::vector<std::string> warnings;  // what the run will lack or lose; each names its key
};

struct StartScope {
  std::string stage{};    // the only one to be run; "" for all
  bool directory = true;  // false: the caller opens the run's directory itself, which checks it
};

// authored: the project's own data files. Nothing is written. Throws std::runtime_error, one line
// that names the key and the file, for the first thing with which a run cannot work.
[[nodiscard]] StartFindings check_start(const config::RunConfig& config,
                                        const std::filesystem::path& authored,
                                        const StartScope& scope = {});

}  // namespace charter::cli
