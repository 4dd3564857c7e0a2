#include "model/linear.hpp"

#include <ATen/ATen.h>

namespace charter::model {

at::Tensor forward(const Linear& linear, const at::Tensor& x) {
  const at::Tensor base = linear.bias.defined() ? at::linear(x, linear.weight, linear.bias)
                                                : at::linear(x, linear.weight);
  if (!linear.has_adapter()) return base;
  return at::addmm(base, at::linear(x, linear.lora_a), linear.lora_b.t(), 1.0, linear.lora_scale);
}

at::Tensor merged_weight(const Linear& linear) {
  const at::NoGradGuard no_grad;
  const at::Tensor weight = linear.weight.detach();
  if (!linear.has_adapter()) return weight;
  return at::addmm(weight, linear.lora_b.detach(), linear.lora_a.detach(), 1.0, linear.lora_scale);
}

}  // namespace charter::model
