// The jobs of the rollout actor: which requests a work item becomes, and what is made of their
// completions.
#pragma once
#include "actors/rollout.hpp"

namespace charter::actors {

// Turns a lease into requests to the engine; an item whose prompt cannot fit is quarantined with
// the reason.
void begin_job(RolloutState& state, const WorkItem& item);
// Jobs of the engine's present snapshot that had to wait for it.
void begin_deferred(RolloutState& state);
void complete_request(RolloutState& state, model::Completion completion,
                      const metrics::RolloutMetrics& metrics);

}  // namespace charter::actors
