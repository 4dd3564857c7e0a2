// The directory of a run: made on the first start, checked on every later one.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "actors/role_spawner.hpp"
#include "cli/run_inputs.hpp"
#include "cli/run_manifest.hpp"
#include "config/run_config.hpp"
#include "store/ledger.hpp"

namespace charter::cli {

struct RunDirectory {
  actors::RunPaths paths;
  RunManifest manifest;
  bool resumed = false;
  store::WriterLock lock;  // of the ledger: taken before anything of an earlier run is touched
  std::vector<std::string> accepted;  // keys of an edited configuration that a resumed run takes
  std::vector<std::string> data_changes;  // a line for each data file that --accept-data took
  config::ModelsSection models;  // of a resumed run, as it began: its weights/ were read from them
};

// Makes or opens run.root/run.name, for its owner alone (0700; ledger and logs 0600). A directory
// that holds a run is resumed: keys that may not change are refused, all in one error that names
// them. Where data.* and models.* lie may change: their content may not, which of a model is
// compared here and of data by take_data. Throws std::runtime_error naming the directory when it
// cannot be made or written, or holds parts of a run that has lost the others, and
// store::LedgerError when another process writes it; what is in it is as it was then.
[[nodiscard]] RunDirectory open_run_directory(const config::RunConfig& config);

// Refuses what open_run_directory and take_data would, and makes, locks and writes nothing.
// authored: the project's own data files.
void check_run_directory(const config::RunConfig& config, const std::filesystem::path& authored);

// Holds the data files to what the run began with. Throws std::runtime_error with one line that
// names each changed one, unless accept: then they are the run's data from here on.
void take_data(RunDirectory& run, const RunInputs& data, bool accept);

// Puts the models of the configuration under weights/ in the form that every process maps, unless
// a resumed run has them there. say: told before each import, which takes seconds.
void import_models(RunDirectory& run, const config::RunConfig& config,
                   const std::function<void(const std::string&)>& say);

// Makes the directory a run that later starts resume, or goes on with it: manifest.json, the
// ledger, and last config.toml. Called when the input has been read, so that a start with bad input
// leaves nothing that binds the next one. Throws when the ledger, the checkpoints or the weights
// are not what the others know of them.
[[nodiscard]] store::Ledger begin_run(RunDirectory& run, const config::RunConfig& config);

}  // namespace charter::cli
