// One phase of a run, as often as it takes: restored from its checkpoint, given its work, run under
// a supervisor, and begun again when its trainer died. Part of pipeline.
#pragma once
#include <chrono>
#include <memory>

#include "actors/pipeline.hpp"

namespace charter::actors {

struct Run {
  caf::actor_system& system;
  std::shared_ptr<store::Ledger> ledger;
  const PipelineOptions& options;
  const PipelineView& view;
  int64_t peak_pss = 0;

  [[nodiscard]] const config::RunConfig& config() const { return options.context.config; }
  [[nodiscard]] bool stopping() const { return options.stop && *options.stop > 0; }
};

// kDone, kStopped, or an exception. A trainer's death restores the phase and goes on, within the
// restart budget. started: when its stage began, for the view.
[[nodiscard]] PhaseStatus::State run_phase(Run& run, const Phase& phase,
                                           std::chrono::steady_clock::time_point started);

}  // namespace charter::actors
