// Estimators of KL(policy || reference) from the policy's own samples, and the rewards made of
// them. k1 and k3 as named by Schulman, "Approximating KL Divergence" (2020). Shapes: any, all
// equal.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::rl {

// log p - log q of the sampled tokens: unbiased, of either sign. Never clamped at 0, where the sign
// is what makes it unbiased.
[[nodiscard]] at::Tensor kl_k1(const at::Tensor& logprobs, const at::Tensor& ref_logprobs);

// exp(-d) - 1 + d with d = log p - log q: >= 0, unbiased, less variance. d is clamped to +-20.
[[nodiscard]] at::Tensor kl_k3(const at::Tensor& logprobs, const at::Tensor& ref_logprobs);

// Rewards a token: -kl_coef * kl everywhere, plus the sequence's score on its last valid token
// (Ziegler et al. 2019, arXiv:1909.08593, section 2). kl, mask: [B, T]; scores: [B]. Result [B, T],
// 0 outside the mask. Throws std::invalid_argument on shapes, or a row without a valid token.
[[nodiscard]] at::Tensor token_rewards(const at::Tensor& kl, const at::Tensor& scores,
                                       const at::Tensor& mask, double kl_coef);

}  // namespace charter::rl
