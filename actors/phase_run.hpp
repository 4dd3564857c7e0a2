// One phase of a run, as often as it takes: restored from its checkpoint, given its work, run under
// a supervisor, and begun again when its trainer died. Part of pipeline.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/display_edge.hpp"
#include "actors/pipeline.hpp"

namespace charter::actors {

struct Run {
  caf::actor_system& system;
  std::shared_ptr<store::Ledger> ledger;
  const PipelineOptions& options;
  const PipelineView& view;
  int64_t peak_pss = 0;
  DisplayEdge display{};
  std::vector<std::string> notices{};  // told, and not yet in the ledger

  [[nodiscard]] const config::RunConfig& config() const { return options.context.config; }
  // Whether the run is to stop; takes up what else happened to the process.
  [[nodiscard]] bool stopping();
  // Lets time pass; ends early when the run is to stop.
  void pause(std::chrono::milliseconds time);
  // Calls the view. What it throws is told once.
  void show(const std::function<void()>& call);
  void tell(const std::string& event);
};

// Calls `work`, which uses the ledger and may be done twice. While the ledger is away or cannot be
// written it is tried again, for 30 seconds; then, or when the run is to stop, LedgerError says
// what was met first.
void with_ledger(Run& run, const std::function<void()>& work);
// Writes the notices told so far as events. Part of with_ledger's work.
void record_notices(Run& run);

// kDone, kStopped, or an exception. A trainer's death restores the phase and goes on, within the
// restart budget and after a pause. started: when its stage began, for the view.
[[nodiscard]] PhaseStatus::State run_phase(Run& run, const Phase& phase,
                                           std::chrono::steady_clock::time_point started);

}  // namespace charter::actors
