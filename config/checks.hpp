// Rules that a single key's range cannot express.
#pragma once
#include <functional>
#include <string>

#include "config/run_config.hpp"

namespace charter::config {

// Throws ConfigError "WHERE: section.key: what, expected". `where` says where a key ("section.key")
// was set, or the file when it has its default.
void check_combinations(const RunConfig& config,
                        const std::function<std::string(const std::string&)>& where);

}  // namespace charter::config
