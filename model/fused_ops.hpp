// The transformer's pieces between the matrix products, each one pass over memory with its own
// backward pass. On the CPU in float32 they run our kernels; on other devices and types,
// compositions of at:: operators.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "model/packing.hpp"
#include "model/token_scores.hpp"

namespace charter::model {

// Zhang and Sennrich 2019 (arXiv:1910.07467). x: [..., H], weight: [H]. Differentiable in both.
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// silu(gate) * up (Shazeer 2020, arXiv:2002.05202). Same shapes.
[[nodiscard]] at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

// x: [T, heads, d]; cos, sin: [T, d/2], row t for token t.
[[nodiscard]] at::Tensor apply_rope(const at::Tensor& x, const at::Tensor& cos,
                                    const at::Tensor& sin);

// Causal attention within each segment of a packed batch, and on the whole of the segment it
// follows. q: [T, heads, d], k and v: [T, kv_heads, d]; query head i reads key head i / (heads /
// kv_heads). Returns [T, heads * d].
[[nodiscard]] at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k,
                                          const at::Tensor& v,
                                          const std::vector<Segment>& segments);

// log softmax(hidden W^T / temperature) at targets: hidden [n, H], weight [V, H], targets [n] int64
// -> [n]. Works on `slice` rows at a time and keeps no logits: the gradient of hidden is formed in
// the forward pass (it is the upstream gradient of a row times a fixed vector); that of the weight
// recomputes them.
[[nodiscard]] at::Tensor linear_logprobs(const at::Tensor& hidden, const at::Tensor& weight,
                                         const at::Tensor& targets, double temperature,
                                         int64_t slice);

// The same, and the entropies of the distributions, in one product with the weight: [n] each. No
// graph.
[[nodiscard]] TokenScores linear_token_scores(const at::Tensor& hidden, const at::Tensor& weight,
                                              const at::Tensor& targets, double temperature,
                                              int64_t slice);

}  // namespace charter::model
