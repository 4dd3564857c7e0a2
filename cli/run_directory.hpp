// The directory of a run: made on the first start, checked on every later one.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "actors/role_spawner.hpp"
#include "config/run_config.hpp"
#include "store/ledger.hpp"

namespace charter::cli {

struct RunDirectory {
  actors::RunPaths paths;
  std::string run_id;  // 16 hexadecimal digits, kept in manifest.json
  bool resumed = false;
  store::WriterLock lock;  // of the ledger: taken before anything of an earlier run is touched
  std::vector<std::string> accepted;  // keys of an edited configuration that a resumed run takes
};

// Makes or opens run.root/run.name. A directory that holds a run is resumed: keys that may not
// change are refused, all in one error that names them. Throws std::runtime_error naming the
// directory when it cannot be made or written, and store::LedgerError when another process writes
// it; what is in it is as it was then. A directory without config.toml holds no run: run_id stays
// empty until begin_run.
[[nodiscard]] RunDirectory open_run_directory(const config::RunConfig& config);

// Puts the models of the configuration under weights/ in the form that every process maps, unless
// a resumed run has them there. say: told before each import, which takes seconds.
void import_models(const RunDirectory& run, const config::RunConfig& config,
                   const std::function<void(const std::string&)>& say);

// Makes the directory a run that later starts resume: manifest.json, then config.toml. Called when
// the input has been read, so that a start with bad input leaves nothing that binds the next one.
void begin_run(RunDirectory& run, const config::RunConfig& config);

}  // namespace charter::cli
