// Float32 matrix products on the CPU for training's shapes: many rows, and weights that change
// with every step, so that packing them is part of the product. Shapes: N rows, I inputs, O
// outputs.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::model {

// c [m, n] (+)= a b with a: [m, k] and b: [k, n], both of any strides of which one is 1. c:
// contiguous rows. The products of an element are summed in the order of k, whatever m and n are.
void matmul_into(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate);

// a b in a tensor of its own.
[[nodiscard]] at::Tensor product(const at::Tensor& a, const at::Tensor& b);

// Whether matmul_into is the faster one for x W^T: float32 on the CPU, enough rows to pay for
// the packing, no side of the weight below a panel.
[[nodiscard]] bool multiplies_faster(const at::Tensor& x, const at::Tensor& weight);

// x W^T, x: [N, I], weight: [O, I]. Returns [N, O]. Differentiable in both. at::linear where that
// is faster.
[[nodiscard]] at::Tensor matmul_transposed(const at::Tensor& x, const at::Tensor& weight);

}  // namespace charter::model
