#include "rl/gae.hpp"

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "rl/masked.hpp"

namespace charter::rl {
namespace {

void check(const at::Tensor& rewards, const at::Tensor& values, const at::Tensor& mask,
           const GaeOptions& options) {
  if (rewards.dim() != 2) {
    throw std::invalid_argument("rewards: " + std::to_string(rewards.dim()) +
                                " dimensions, expected [B, T]");
  }
  check_same_shape("values", values, rewards);
  check_same_shape("mask", mask, rewards);
  if (values.scalar_type() != rewards.scalar_type() || !rewards.is_floating_point()) {
    throw std::invalid_argument("values: dtype differs from rewards', expected one float dtype");
  }
  if (mask.scalar_type() != at::kBool) throw std::invalid_argument("mask: expected dtype bool");
  if (!(options.gamma > 0 && options.gamma <= 1)) {
    throw std::invalid_argument("gamma: " + std::to_string(options.gamma) + ", expected (0, 1]");
  }
  if (!(options.lambda >= 0 && options.lambda <= 1)) {
    throw std::invalid_argument("lambda: " + std::to_string(options.lambda) + ", expected [0, 1]");
  }
}

}  // namespace

GaeResult gae(const at::Tensor& rewards, const at::Tensor& values, const at::Tensor& mask,
              const GaeOptions& options) {
  check(rewards, values, mask, options);
  const at::NoGradGuard no_grad;
  const int64_t steps = rewards.size(1);
  at::Tensor next_value = at::zeros({rewards.size(0)}, rewards.options());
  at::Tensor next_advantage = next_value;
  std::vector<at::Tensor> columns(static_cast<size_t>(steps));
  for (int64_t t = steps - 1; t >= 0; --t) {
    const at::Tensor value = values.select(1, t);
    const at::Tensor valid = mask.select(1, t);
    const at::Tensor delta = rewards.select(1, t) + options.gamma * next_value - value;
    const at::Tensor advantage = delta + options.gamma * options.lambda * next_advantage;
    columns[static_cast<size_t>(t)] = advantage;
    next_advantage = at::where(valid, advantage, next_advantage);
    next_value = at::where(valid, value, next_value);
  }
  const at::Tensor zero = at::zeros({}, rewards.options());
  const at::Tensor all = steps == 0 ? at::zeros_like(rewards) : at::stack(columns, 1);
  return {.advantages = at::where(mask, all, zero), .returns = at::where(mask, all + values, zero)};
}

}  // namespace charter::rl
