// Statistics over the valid entries of a tensor. Invalid entries are selected away, never
// multiplied by zero: a NaN in padding must not reach the result. Sums are taken in float64.
#pragma once
#include <ATen/core/Tensor.h>

namespace charter::rl {

// x: any shape; mask: the same shape, bool. 0 when nothing is valid.
[[nodiscard]] double masked_mean(const at::Tensor& x, const at::Tensor& mask);

// Unbiased (divides by n - 1); 0 for fewer than two valid entries.
[[nodiscard]] double masked_variance(const at::Tensor& x, const at::Tensor& mask);

// (x - mean) / sqrt(variance + 1e-8) over all valid entries of the batch, 0 outside the mask.
// Fewer than two valid entries have no variance: they are returned as they are.
// Throws std::invalid_argument when shapes differ or the mask is not bool.
[[nodiscard]] at::Tensor whiten(const at::Tensor& x, const at::Tensor& mask);

// Throws std::invalid_argument unless `x` has the shape `expected` has; `name` is for the message.
void check_same_shape(const char* name, const at::Tensor& x, const at::Tensor& expected);

}  // namespace charter::rl
