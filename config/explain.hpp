// What every key means, as data: `explain` prints it as lines, `charter config explain --json` as
// JSON.
#pragma once
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace charter::config {

struct KeyExplanation {
  std::string name;                  // "rl.batch"
  std::string value, default_value;  // as TOML
  std::string accepted;              // range with unit, choices, or type
  std::string help;
  bool on_resume = false;  // a resumed run may change it
};

// Of all keys, one section's ("rl") or one key ("rl.batch"). Throws ConfigError with the nearest
// name for anything else.
[[nodiscard]] std::vector<KeyExplanation> explanations(const RunConfig& config,
                                                       const std::string& wanted = "");

}  // namespace charter::config
