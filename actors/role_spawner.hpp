// Makes the role actors of a phase: turns the configuration and the phase's table into each role's
// options.
#pragma once
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/phase_models.hpp"
#include "actors/phases.hpp"
#include "actors/publish.hpp"
#include "actors/transport/run_key.hpp"
#include "actors/wiring.hpp"

namespace charter::actors {

// Where a run keeps things. See docs/operations.md.
struct RunPaths {
  std::filesystem::path run;
  [[nodiscard]] std::filesystem::path weights() const { return run / "weights"; }
  [[nodiscard]] std::filesystem::path checkpoints(const std::string& model) const {
    return run / "checkpoints" / model;
  }
  [[nodiscard]] std::filesystem::path ledger() const { return run / "ledger.sqlite"; }
};

struct NodeContext {
  RunPaths paths;
  config::RunConfig config;
  std::filesystem::path data;  // the authored files
  SnapshotPlaces snapshots;    // on their way
  transport::RunKey key;       // of the links; workers get it on their standard input
  Wiring wiring;
  std::shared_ptr<prometheus::Registry> registry;
};

using AnyRole = RoleActor<>;

// role: "rollout/0". packed: what prepare_models() made. items: of work the phase has. Throws what
// loading its models throws. The actor runs on a thread of its own.
[[nodiscard]] AnyRole spawn_role(caf::actor_system& system, const NodeContext& context,
                                 std::shared_ptr<const PhaseModels> models,
                                 const PackedModels& packed, const Phase& phase,
                                 const std::string& role, int64_t items);

// A file of the data section, or the authored one where the configuration leaves it empty.
[[nodiscard]] std::filesystem::path data_file(const NodeContext& context,
                                              const std::string& configured, const char* authored);

}  // namespace charter::actors
