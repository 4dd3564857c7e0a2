#include "rl/kl.hpp"

#include <ATen/ATen.h>

#include <stdexcept>

#include "rl/masked.hpp"

namespace charter::rl {

at::Tensor kl_k1(const at::Tensor& logprobs, const at::Tensor& ref_logprobs) {
  check_same_shape("ref_logprobs", ref_logprobs, logprobs);
  return logprobs - ref_logprobs;
}

at::Tensor kl_k3(const at::Tensor& logprobs, const at::Tensor& ref_logprobs) {
  const at::Tensor d = kl_k1(logprobs, ref_logprobs).clamp(-20.0, 20.0);
  return at::expm1(-d) + d;
}

at::Tensor token_rewards(const at::Tensor& kl, const at::Tensor& scores, const at::Tensor& mask,
                         double kl_coef) {
  check_same_shape("mask", mask, kl);
  if (kl.dim() != 2 || scores.dim() != 1 || scores.size(0) != kl.size(0)) {
    throw std::invalid_argument("scores: expected one a row of kl [B, T]");
  }
  if (!mask.any(1).all().item<bool>()) {
    throw std::invalid_argument("mask: a row without a valid token, expected >= 1");
  }
  const at::NoGradGuard no_grad;
  const at::Tensor zero = at::zeros({}, kl.options());
  const at::Tensor index = at::arange(kl.size(1), mask.options().dtype(at::kLong));
  const at::Tensor last = at::where(mask, index, -1).amax(1, /*keepdim=*/true);
  return at::where(mask, -kl_coef * kl, zero)
      .scatter_add(1, last, scores.to(kl.scalar_type()).unsqueeze(1));
}

}  // namespace charter::rl
