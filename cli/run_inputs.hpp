// The files that the work of a run follows from: those of data.*, and the models that it imports.
// Their sizes and checksums are kept in the run's manifest since it began, so that a file that was
// exchanged is not read as if it were the same.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "store/manifest.hpp"

namespace charter::cli {

// Ends the line of a change that was taken.
inline constexpr const char* kAccepted = "taken with --accept-data";

struct RunInput {
  std::filesystem::path path;  // as configured; the project's own where it is left out
  std::map<std::string, store::FileSum> files;  // by name
};
using RunInputs = std::map<std::string, RunInput>;  // by key: "data.red_team", "models.base"

// Reads all data files. Throws std::runtime_error "data.KEY: FILE: ..." for one that cannot be
// read.
[[nodiscard]] RunInputs measure_data(const config::RunConfig& config,
                                     const std::filesystem::path& authored);
// A GGUF file, or the files of a model's directory.
[[nodiscard]] RunInput measure_model(const std::filesystem::path& model);

[[nodiscard]] nlohmann::json to_json(const RunInput& input);

// How `now` differs from what a manifest holds under the same key, in one line: "FILE: 120
// bytes with checksum A, expected 100 bytes with checksum B". Empty: its content is the same,
// wherever it lies, or the manifest does not know it.
[[nodiscard]] std::string changed(const nlohmann::json& recorded, const RunInput& now);

// Throws std::runtime_error, one line that names every data file that is no longer as `recorded`.
void require_unchanged(const nlohmann::json& recorded, const RunInputs& now);

}  // namespace charter::cli
