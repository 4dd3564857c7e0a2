// Watches the supervisor of one phase: shows what it says, passes on that the run is to stop, and
// sees it and all that it started end. Every wait has a deadline. Part of pipeline.
#pragma once
#include <chrono>

#include "actors/phase_run.hpp"
#include "actors/supervisor.hpp"

namespace charter::actors {

// Runs the phase under a supervisor until it has ended. `hung` in what it returns: the supervisor,
// or an actor that it started in this process, does not return; the process cannot be ended in good
// order then. started: when its stage began, for the view. What it throws leaves no supervisor.
[[nodiscard]] PhaseStatus watch_phase(Run& run, const Phase& phase, SupervisorOptions options,
                                      std::chrono::steady_clock::time_point started);

}  // namespace charter::actors
