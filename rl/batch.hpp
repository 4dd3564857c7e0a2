// Trajectories as padded tensors, for the pure functions of this folder.
// Shapes: B trajectories, T tokens of the longest response. Padding is on the right.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rl/trajectory.hpp"

namespace charter::rl {

struct Batch {
  at::Tensor mask;               // [B, T] bool, true on response tokens
  at::Tensor behavior_logprobs;  // [B, T] float32, 0 outside the mask (as are the next two)
  at::Tensor ref_logprobs;       // [B, T] float32
  at::Tensor token_staleness;    // [B, T] int64, version - the version that sampled the token
  at::Tensor staleness;          // [B] int64, version - the oldest version in the trajectory
  at::Tensor scores;             // [B] float32
  at::Tensor finished;           // [B] bool
  int64_t tokens = 0;            // true entries of mask
};

// version: the one being trained from. Throws std::invalid_argument naming the work_id and the
// defect of a defective trajectory, or on an empty batch.
[[nodiscard]] Batch collate(std::span<const ScoredTrajectory> trajectories, int64_t version,
                            at::Device device = at::kCPU);

// Lays flat values of the valid tokens (row by row, [tokens]) out as [B, T], 0 outside the mask.
[[nodiscard]] at::Tensor scatter_tokens(const at::Tensor& flat, const at::Tensor& mask);

}  // namespace charter::rl
