// The transformer of the Llama family (RMSNorm, RoPE, grouped-query attention, SwiGLU; optional QKV
// bias and QK norm): its weights, and the packed forward pass that training and exact scoring use.
// The cached pass that generation uses is in model/engine.hpp and reads the same weights; tests
// hold the two to each other. Shapes: T tokens of all sequences end to end, H hidden size, V
// vocabulary, L layers.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/linear.hpp"
#include "model/model_config.hpp"
#include "model/model_files.hpp"
#include "model/packing.hpp"
#include "model/token_scores.hpp"

namespace charter::model {

struct Layer {
  Linear q, k, v, o, gate, up, down;
  at::Tensor input_norm;           // [H]
  at::Tensor post_attention_norm;  // [H]
  at::Tensor q_norm, k_norm;       // [head_dim], or undefined
};

struct Transformer {
  ModelConfig config;
  at::Tensor embedding;  // [V, H]
  std::vector<Layer> layers;
  at::Tensor final_norm;  // [H]
  Linear head;            // weight [V, H]; shares the embedding's tensor when tied
};

// Takes the tensors of `files` without copying. Throws std::runtime_error naming a tensor that is
// missing or misshapen.
[[nodiscard]] Transformer make_transformer(const ModelFiles& files);

// The transformer's tensors under their Hugging Face names, adapters merged.
[[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> merged_tensors(
    const Transformer& transformer);

// Visits every linear by its Hugging Face module name ("model.layers.0.self_attn.q_proj"); the head
// is "lm_head".
void for_each_linear(Transformer& transformer,
                     const std::function<void(const std::string&, Linear&)>& visit);

struct ForwardOptions {
  // Recompute each layer in the backward pass: less memory, a third more time.
  bool gradient_checkpointing = false;
};

// Hidden states after the final norm, [T, H]; attention is causal and never crosses a sequence.
// Differentiable.
[[nodiscard]] at::Tensor hidden_states(const Transformer& transformer, const PackedSequences& batch,
                                       const ForwardOptions& options = {});

// Those of the rows that are read ([n] int64): [n, H]. The last layer computes no others.
[[nodiscard]] at::Tensor hidden_rows(const Transformer& transformer, const PackedSequences& batch,
                                     const at::Tensor& rows, const ForwardOptions& options = {});

// Residual stream after each layer at rows `rows` ([n] int64): [L, n, H]. No graph. For the
// firewall.
[[nodiscard]] at::Tensor layer_activations(const Transformer& transformer,
                                           const PackedSequences& batch, const at::Tensor& rows);

// Output head on chosen rows: hidden [n, H] -> logits [n, V] in float32. Differentiable.
[[nodiscard]] at::Tensor logits(const Transformer& transformer, const at::Tensor& hidden);

// Log-probabilities of given next tokens: rows [n, H] of hidden, targets [n] int64, at
// `temperature`. [n] float32, differentiable. Computed in slices so that no [n, V] graph of more
// than `slice` rows is alive at once in inference.
[[nodiscard]] at::Tensor token_logprobs(const Transformer& transformer, const at::Tensor& hidden,
                                        const at::Tensor& targets, double temperature,
                                        int64_t slice = 256);

// The same with the distributions' entropies, for one product with the head. No graph.
[[nodiscard]] TokenScores token_scores(const Transformer& transformer, const at::Tensor& hidden,
                                       const at::Tensor& targets, double temperature,
                                       int64_t slice = 256);

}  // namespace charter::model
