#include "rl/ppo_loss.hpp"

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>

#include "rl/masked.hpp"

namespace charter::rl {
namespace {

void check_epsilon(double epsilon) {
  if (epsilon > 0) return;
  throw std::invalid_argument("clip_epsilon: " + std::to_string(epsilon) + ", expected > 0");
}

}  // namespace

ClippedLoss policy_loss(const at::Tensor& logprobs, const at::Tensor& proximal,
                        const at::Tensor& advantages, const at::Tensor& weights,
                        double clip_epsilon) {
  check_epsilon(clip_epsilon);
  check_same_shape("proximal", proximal, logprobs);
  check_same_shape("advantages", advantages, logprobs);
  check_same_shape("weights", weights, logprobs);
  const at::Tensor a = advantages.detach();
  const at::Tensor ratio = (logprobs - proximal.detach()).clamp(-20.0, 20.0).exp();
  const at::Tensor plain = -a * ratio;
  const at::Tensor clipped = -a * ratio.clamp(1.0 - clip_epsilon, 1.0 + clip_epsilon);
  return {.sum = (weights.detach() * at::maximum(plain, clipped)).sum(),
          .clipped = (clipped > plain).sum().item<int64_t>()};
}

ClippedLoss value_loss(const at::Tensor& values, const at::Tensor& old_values,
                       const at::Tensor& returns, double clip_epsilon) {
  check_epsilon(clip_epsilon);
  check_same_shape("old_values", old_values, values);
  check_same_shape("returns", returns, values);
  const at::Tensor old = old_values.detach();
  const at::Tensor target = returns.detach();
  const at::Tensor plain = (values - target).square();
  const at::Tensor near = old + (values - old).clamp(-clip_epsilon, clip_epsilon);
  const at::Tensor clipped = (near - target).square();
  return {.sum = 0.5 * at::maximum(plain, clipped).sum(),
          .clipped = (clipped > plain).sum().item<int64_t>()};
}

}  // namespace charter::rl
