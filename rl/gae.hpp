// Generalized advantage estimation (Schulman et al. 2016, arXiv:1506.02438, section 3).
// Shapes: B trajectories, T response tokens. One floating dtype and one device for all arguments.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::rl {

struct GaeOptions {
  double gamma = 1.0;    // discount per token, in (0, 1]
  double lambda = 0.95;  // in [0, 1]; 0: one-step TD error; 1: Monte Carlo return
};

struct GaeResult {
  at::Tensor advantages;  // [B, T], not normalized, 0 where mask is false
  at::Tensor returns;     // [B, T], advantages + values, 0 where mask is false
};

// rewards, values: [B, T]. mask: [B, T] bool, true on response tokens.
// The state after the last masked token is terminal: its value counts as 0. A false entry between
// true ones is passed over: its neighbours follow each other. What lies outside the mask, NaN too,
// has no effect. Throws std::invalid_argument on a shape or dtype mismatch or options out of range.
// Results carry no graph.
[[nodiscard]] GaeResult gae(const at::Tensor& rewards, const at::Tensor& values,
                            const at::Tensor& mask, const GaeOptions& options);

}  // namespace charter::rl
