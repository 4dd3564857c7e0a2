// A linear layer with an optional low-rank adapter (LoRA: Hu et al. 2021, arXiv:2106.09685).
// Shapes: N rows, I inputs, O outputs, r rank.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::model {

// y = x W^T + bias + scale * (x A^T) B^T. A is undefined when there is no adapter.
struct Linear {
  at::Tensor weight;        // [O, I]
  at::Tensor bias;          // [O], or undefined
  at::Tensor lora_a;        // [r, I], or undefined
  at::Tensor lora_b;        // [O, r], or undefined; zero at the start, so that the adapter is off
  double lora_scale = 0.0;  // alpha / r

  [[nodiscard]] bool has_adapter() const { return lora_a.defined(); }
};

// x: [N, I]. Returns [N, O]. Differentiable in x, the adapter, and weight and bias where they
// require gradients.
[[nodiscard]] at::Tensor forward(const Linear& linear, const at::Tensor& x);

// weight + scale * B A: what one matrix must hold for the adapter to be part of it. [O, I], carries
// no graph.
[[nodiscard]] at::Tensor merged_weight(const Linear& linear);

}  // namespace charter::model
