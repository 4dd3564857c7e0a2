// The clipped losses of PPO (Schulman et al. 2017, arXiv:1707.06347, section 3), with the decoupled
// importance weight of Hilton et al. 2021 (arXiv:2110.00641, equation 4).
// Shapes: [n], the valid tokens only (selected, not masked by a product). Losses are sums: the
// caller divides by the token count of the whole minibatch, so that micro-batches do not change the
// result.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace charter::rl {

struct ClippedLoss {
  at::Tensor sum;       // scalar, differentiable in the first argument of the function only
  int64_t clipped = 0;  // tokens where the clipped branch is the larger loss
};

// sum of w * max(-A r, -A clip(r, 1 - eps, 1 + eps)) with r = exp(logprobs - proximal), log r
// clamped to +-20. weights: [n], treated as constants.
[[nodiscard]] ClippedLoss policy_loss(const at::Tensor& logprobs, const at::Tensor& proximal,
                                      const at::Tensor& advantages, const at::Tensor& weights,
                                      double clip_epsilon);

// sum of 0.5 * max((V - R)^2, (V_old + clip(V - V_old, -eps, eps) - R)^2).
[[nodiscard]] ClippedLoss value_loss(const at::Tensor& values, const at::Tensor& old_values,
                                     const at::Tensor& returns, double clip_epsilon);

}  // namespace charter::rl
