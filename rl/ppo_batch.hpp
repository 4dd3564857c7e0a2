// What PPO keeps fixed while it trains on one batch: proximal log-probs, old values, advantages,
// returns, importance weights; and the statistics that follow from them.
// Shapes: B trajectories, T tokens of the longest response.
#pragma once
#include <ATen/core/Tensor.h>

#include "rl/batch.hpp"
#include "rl/ppo_trainer.hpp"

namespace charter::rl {

struct PpoTargets {
  at::Tensor proximal;    // [B, T]
  at::Tensor old_values;  // [B, T]
  at::Tensor advantages;  // [B, T], whitened over the batch's valid tokens when the options say so
  at::Tensor returns;     // [B, T], of the advantages before whitening
  at::Tensor weights;     // [B, T], truncated importance weights
};

// proximal, values, entropy: [B, T] of the weights the batch began with. Fills the fields of
// `stats` that do not depend on the updates.
[[nodiscard]] PpoTargets make_targets(const Batch& batch, const at::Tensor& proximal,
                                      const at::Tensor& values, const at::Tensor& entropy,
                                      const PpoOptions& options, PpoStats& stats);

// Throws std::invalid_argument naming the option that is out of range.
void validate(const PpoOptions& options);

}  // namespace charter::rl
