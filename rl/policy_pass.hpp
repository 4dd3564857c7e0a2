// One forward pass of policy and critic over a few trajectories.
// Shapes: n response tokens of all trajectories in order, H hidden size.
#pragma once
#include <ATen/core/Tensor.h>

#include <span>

#include "model/transformer.hpp"
#include "model/value_head.hpp"
#include "rl/trajectory.hpp"

namespace charter::rl {

struct PolicyPass {
  at::Tensor logprobs;  // [n] of the response tokens, at each trajectory's temperature
  at::Tensor values;    // [n] before the token is chosen: read at the position that predicts it
  at::Tensor entropy;   // [n] at the same temperature, or undefined
};

struct PolicyPassOptions {
  bool entropy = false;
  bool gradient_checkpointing = false;
};

// Differentiable unless a NoGradGuard is alive; values do not depend on that. The trajectories are
// free of defects and within the model's longest_text.
[[nodiscard]] PolicyPass run_policy(const model::Transformer& policy, const model::ValueHead& head,
                                    std::span<const ScoredTrajectory> trajectories,
                                    const PolicyPassOptions& options);

// Fills ref_logprobs: those of the response tokens under the reference, at each trajectory's
// temperature.
void set_reference_logprobs(const model::Transformer& reference,
                            std::span<ScoredTrajectory> trajectories);

// Tokens run_policy computes for a trajectory: all but the last, which nothing follows.
[[nodiscard]] int64_t pass_tokens(const Trajectory& trajectory);

}  // namespace charter::rl
