// What the PM trainer begins with, and the held-out pairs its weights are measured on.
#pragma once
#include "actors/pm_trainer_actor.hpp"

namespace charter::actors {

// From options.start, or from pm_init with a new head.
void make_trainer(PmTrainerState& state, const PhaseModels& models);

// Reads options.probes. Online it also takes the scale of the starting weights, which is the scale
// of every later version.
void set_up_probes(PmTrainerState& state, const metrics::PmTrainerMetrics& metrics);

// Scores of the probe pairs under the present weights, [2 * pairs] float64: first and second of
// each in turn. Shows accuracy, calibration error and Brier score.
at::Tensor measure(const PmTrainerState& state, const metrics::PmTrainerMetrics& metrics);

}  // namespace charter::actors
