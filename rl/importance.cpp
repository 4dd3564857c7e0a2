#include "rl/importance.hpp"

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>

#include "rl/masked.hpp"

namespace charter::rl {

Importance truncated_importance(const at::Tensor& proximal, const at::Tensor& behavior,
                                const at::Tensor& mask, double cap) {
  check_same_shape("behavior", behavior, proximal);
  if (!(cap >= 1)) {
    throw std::invalid_argument("cap: " + std::to_string(cap) + ", expected >= 1");
  }
  const at::NoGradGuard no_grad;
  const at::Tensor ratio = (proximal - behavior).clamp(-20.0, 20.0).exp();
  Importance result;
  result.weights = at::where(mask, ratio.clamp_max(cap), at::zeros({}, ratio.options()));
  result.mean = masked_mean(result.weights, mask);
  result.clip_ratio = masked_mean((ratio > cap).to(at::kDouble), mask);
  const double mean_square = masked_mean(result.weights.to(at::kDouble).square(), mask);
  result.ess_ratio = mean_square > 0 ? result.mean * result.mean / mean_square : 0.0;
  return result;
}

Mismatch mismatch(const at::Tensor& proximal, const at::Tensor& behavior, const at::Tensor& mask) {
  check_same_shape("behavior", behavior, proximal);
  const at::NoGradGuard no_grad;
  const at::Tensor d = (proximal - behavior).masked_select(mask).to(at::kDouble);
  Mismatch result{.tokens = d.numel()};
  if (result.tokens == 0) return result;
  const at::Tensor clamped = d.clamp(-20.0, 20.0);
  result.kl = (at::expm1(clamped) - clamped).mean().item<double>();
  result.abs_diff_max = d.abs().max().item<double>();
  return result;
}

}  // namespace charter::rl
