#include "model/linear.hpp"

#include <ATen/ATen.h>

#include "model/matmul.hpp"

namespace charter::model {

at::Tensor forward(const Linear& linear, const at::Tensor& x) {
  at::Tensor base = matmul_transposed(x, linear.weight);
  if (linear.bias.defined()) base = base + linear.bias;
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
