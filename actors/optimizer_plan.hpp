// The optimizer of each trainer, with the schedule that the configuration asks for.
#pragma once
#include <cstdint>

#include "actors/phases.hpp"
#include "model/optimizer.hpp"

namespace charter::actors {

// Of the model a phase trains (Phase::trained_model): sl_train, pmp, pm_train, or rl's policy.
// items: the phase's work, which makes the number of optimizer steps in sl_train, pmp and pm_train;
// rl's follows from the configuration alone. Where the warm-up takes all steps, nothing decays.
// Throws std::invalid_argument for a phase that trains nothing.
[[nodiscard]] model::AdamWOptions optimizer_options(const config::RunConfig& config,
                                                    const Phase& phase, int64_t items);

// The online PM's: constant. How many pairs it will learn from is not known before they are drawn.
[[nodiscard]] model::AdamWOptions online_pm_optimizer(const config::RunConfig& config);

}  // namespace charter::actors
