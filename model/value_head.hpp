// A scalar read off a hidden state: the critic's value, or a preference model's score.
// Shapes: n rows, H hidden size. Kept and computed in float32 whatever the trunk's dtype.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace charter::model {

struct ValueHead {
  at::Tensor weight;  // [H] float32
  at::Tensor bias;    // [] float32
};

// All zero: values start at 0, so that the first advantages are the rewards' own.
[[nodiscard]] ValueHead zero_value_head(int64_t hidden_size, at::Device device = at::kCPU);

// Weight ~ N(0, 1 / (H + 1)), that is standard deviation 1 / sqrt(H + 1), and bias 0
// (Stiennon et al. 2020, arXiv:2009.01325, appendix B.1, for reward models).
[[nodiscard]] ValueHead random_value_head(int64_t hidden_size, uint64_t seed,
                                          at::Device device = at::kCPU);

// hidden: [n, H], any float dtype. Returns [n] float32, differentiable in hidden, weight and bias.
// Throws std::invalid_argument on a shape mismatch.
[[nodiscard]] at::Tensor forward(const ValueHead& head, const at::Tensor& hidden);

// Makes weight and bias trainable and names them "value_head.weight" and "value_head.bias".
[[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> trainable_parameters(ValueHead& head);

// The head among a snapshot's tensors. Throws std::runtime_error naming the tensor that is missing
// or misshapen. The result shares no memory with `tensors` and requires no gradient.
[[nodiscard]] ValueHead value_head_from(const std::map<std::string, at::Tensor>& tensors,
                                        int64_t hidden_size, at::Device device = at::kCPU);

}  // namespace charter::model
