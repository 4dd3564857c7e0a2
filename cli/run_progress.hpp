// How far the stage is that a run is in: what the ledger's row says only at its end.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "config/run_config.hpp"
#include "store/ledger.hpp"

namespace charter::cli {

// Adds to what run_status() made of `ledger`:
//   "live"                     a process runs the run now
//   of each stage "done", "total"   its settled and its known items; null where it has none yet
//   of the stage under way "spent_seconds" so far; its state is "stopped" when no process runs it
// now: Unix seconds.
void add_progress(nlohmann::ordered_json& status, const store::Ledger& ledger,
                  const config::RunConfig& config, bool live, double now);

}  // namespace charter::cli
