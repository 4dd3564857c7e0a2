// Float32 matrix products on the CPU for training's shapes: many rows, and weights that change
// with every step, so that packing them is part of the product. Shapes: N rows, I inputs, O
// outputs.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::model {

// c [m, n] (+)= a b with a: [m, k] and b: [k, n], both of any strides of which one is 1. c:
// contiguous rows. The products of an element are summed in the order of k, whatever m and n are.
void matmul_into(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate);

// x W^T, x: [N, I], weight: [O, I]. Returns [N, O]. Differentiable in both. The product above where
// it is the faster one (float32 on the CPU, no side of less than a panel); at::linear elsewhere.
[[nodiscard]] at::Tensor matmul_transposed(const at::Tensor& x, const at::Tensor& weight);

}  // namespace charter::model
