// What the commands take from the environment. Nothing below cli/ reads it.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace charter::cli {

// CHARTER_MODEL; else the one .gguf file in the cache's models/; else "".
[[nodiscard]] std::string default_model();

// `given`, or default_model(). Throws std::runtime_error when there is neither.
[[nodiscard]] std::string model_or_default(const std::string& given);

// Where the authored files are: CHARTER_DATA_DIR, else the source tree's config/.
[[nodiscard]] std::filesystem::path data_directory();

// load_config with the default model. A run's own config.toml names the directory it lies in,
// wherever that was moved or copied to.
[[nodiscard]] config::RunConfig load_run_config(const std::string& file,
                                                const std::vector<std::string>& overrides);

}  // namespace charter::cli
