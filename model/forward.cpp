// The packed forward pass of model/transformer.hpp.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <stdexcept>

#include "model/cpu_float.hpp"
#include "model/fused_ops.hpp"
#include "model/rope.hpp"
#include "model/transformer.hpp"

namespace charter::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// What every layer of one pass shares.
struct Pass {
  ModelConfig config;
  at::Tensor cos, sin;  // [T, head_dim/2], row t for token t
  std::vector<Segment> segments;
  at::Tensor read;  // rows the last layer computes; undefined: all
};

at::Tensor attention_heads(const Pass& pass, const Layer& layer, const at::Tensor& x) {
  const ModelConfig& c = pass.config;
  const int64_t tokens = x.size(0);
  at::Tensor q = forward(layer.q, x).view({tokens, c.num_heads, c.head_dim});
  at::Tensor k = forward(layer.k, x).view({tokens, c.num_kv_heads, c.head_dim});
  const at::Tensor v = forward(layer.v, x).view({tokens, c.num_kv_heads, c.head_dim});
  if (layer.q_norm.defined()) q = rms_norm(q, layer.q_norm, c.rms_norm_eps);
  if (layer.k_norm.defined()) k = rms_norm(k, layer.k_norm, c.rms_norm_eps);
  q = apply_rope(q, pass.cos, pass.sin);
  k = apply_rope(k, pass.cos, pass.sin);
  return packed_attention(q, k, v, pass.segments);
}

// All rows are read by attention; past it the last layer goes on with those that are read.
at::Tensor run_layer(const Pass& pass, const Layer& layer, const at::Tensor& x, bool last) {
  const double eps = pass.config.rms_norm_eps;
  const auto read = [&](const at::Tensor& rows) {
    return last && pass.read.defined() ? rows.index_select(0, pass.read) : rows;
  };
  const at::Tensor heads = attention_heads(pass, layer, rms_norm(x, layer.input_norm, eps));
  const at::Tensor y = read(x) + forward(layer.o, read(heads));
  const at::Tensor z = rms_norm(y, layer.post_attention_norm, eps);
  return y + forward(layer.down, swiglu(forward(layer.gate, z), forward(layer.up, z)));
}

// Pointers to every tensor of a layer, in one order for reading and replacing.
std::vector<at::Tensor*> tensors_of(Layer& layer) {
  std::vector<at::Tensor*> result;
  for (Linear* l : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
    for (at::Tensor* t : {&l->weight, &l->bias, &l->lora_a, &l->lora_b}) result.push_back(t);
  }
  for (at::Tensor* t :
       {&layer.input_norm, &layer.post_attention_norm, &layer.q_norm, &layer.k_norm}) {
    result.push_back(t);
  }
  return result;
}

struct CheckpointState : torch::CustomClassHolder {
  std::shared_ptr<const Pass> pass;
  Layer layer;
  bool last;
};

// Gradient checkpointing (Chen et al. 2016, arXiv:1604.06174): the forward pass keeps only the
// layer's input; the backward pass runs the layer again with a graph. The layer's trainable tensors
// are inputs of the function, so that gradients reach them by any route autograd knows.
struct CheckpointedLayer : Function<CheckpointedLayer> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList trainable,
                            const std::shared_ptr<const Pass>& pass, const Layer& layer,
                            bool last) {
    ctx->save_for_backward({x});
    auto state = c10::make_intrusive<CheckpointState>();
    state->pass = pass;
    state->layer = layer;
    state->last = last;
    ctx->saved_data["state"] = c10::IValue::make_capsule(state);
    ctx->saved_data["count"] = static_cast<int64_t>(trainable.size());
    return run_layer(*pass, layer, x, last);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto state =
        c10::static_intrusive_pointer_cast<CheckpointState>(ctx->saved_data["state"].toCapsule());
    const at::Tensor saved = ctx->get_saved_variables()[0];
    const at::AutoGradMode with_graph(true);
    const at::Tensor x = saved.detach().requires_grad_(true);
    Layer layer = state->layer;
    variable_list inputs{x};
    for (at::Tensor* tensor : tensors_of(layer)) {
      if (!tensor->defined() || !tensor->requires_grad()) continue;
      *tensor = tensor->detach().requires_grad_(true);
      inputs.push_back(*tensor);
    }
    const at::Tensor y = run_layer(*state->pass, layer, x, state->last);
    variable_list result = torch::autograd::grad({y}, inputs, {grads[0]});
    result.resize(static_cast<size_t>(ctx->saved_data["count"].toInt()) + 4);  // pass, layer, last
    return result;
  }
};

at::Tensor checkpointed(const std::shared_ptr<const Pass>& pass, const Layer& layer,
                        const at::Tensor& x, bool last) {
  Layer copy = layer;
  variable_list trainable;
  for (const at::Tensor* tensor : tensors_of(copy)) {
    if (tensor->defined() && tensor->requires_grad()) trainable.push_back(*tensor);
  }
  return CheckpointedLayer::apply(x, at::TensorList(trainable), pass, layer, last);
}

std::shared_ptr<const Pass> make_pass(const Transformer& transformer, const PackedSequences& batch,
                                      const at::Tensor& read) {
  const at::Tensor positions = batch.positions;
  int64_t longest = 0;
  for (size_t i = 0; i < batch.ends.size(); ++i) longest = std::max(longest, batch.length(i));
  if (longest > transformer.config.longest_text()) {
    throw std::invalid_argument("batch: a sequence has " + std::to_string(longest) +
                                " tokens, expected at most " +
                                std::to_string(transformer.config.longest_text()));
  }
  const RopeTable table = rope_table(transformer.config, longest);
  const auto rows = [&](const at::Tensor& t) {
    return t.to(positions.device()).index_select(0, positions);
  };
  return std::make_shared<Pass>(
      Pass{transformer.config, rows(table.cos), rows(table.sin), batch.segments, read});
}

void check_rows(const at::Tensor& hidden, const at::Tensor& targets, double temperature) {
  if (targets.dim() != 1 || hidden.dim() != 2 || targets.size(0) != hidden.size(0)) {
    throw std::invalid_argument("targets: got " + std::to_string(targets.numel()) +
                                " entries, expected one for each of " +
                                std::to_string(hidden.size(0)) + " rows");
  }
  if (!(temperature > 0)) {
    throw std::invalid_argument("temperature: got " + std::to_string(temperature) +
                                ", expected > 0");
  }
}

// Whether the head is one plain matrix on the CPU.
bool has_kernels(const Linear& head, const at::Tensor& hidden) {
  return !head.has_adapter() && !head.bias.defined() && is_cpu_float(hidden);
}

}  // namespace

at::Tensor hidden_rows(const Transformer& transformer, const PackedSequences& batch,
                       const at::Tensor& rows, const ForwardOptions& options) {
  const auto pass = make_pass(transformer, batch, rows);
  const bool checkpoint = options.gradient_checkpointing && at::GradMode::is_enabled();
  at::Tensor x = at::embedding(transformer.embedding, batch.tokens);
  for (const Layer& layer : transformer.layers) {
    const bool last = &layer == &transformer.layers.back();
    x = checkpoint ? checkpointed(pass, layer, x, last) : run_layer(*pass, layer, x, last);
  }
  return rms_norm(x, transformer.final_norm, transformer.config.rms_norm_eps);
}

at::Tensor hidden_states(const Transformer& transformer, const PackedSequences& batch,
                         const ForwardOptions& options) {
  return hidden_rows(transformer, batch, at::Tensor(), options);
}

at::Tensor layer_activations(const Transformer& transformer, const PackedSequences& batch,
                             const at::Tensor& rows) {
  const at::NoGradGuard no_grad;
  const auto pass = make_pass(transformer, batch, at::Tensor());
  std::vector<at::Tensor> result;
  at::Tensor x = at::embedding(transformer.embedding, batch.tokens);
  for (const Layer& layer : transformer.layers) {
    x = run_layer(*pass, layer, x, /*last=*/false);
    result.push_back(x.index_select(0, rows));
  }
  return at::stack(result);
}

at::Tensor logits(const Transformer& transformer, const at::Tensor& hidden) {
  return forward(transformer.head, hidden).to(at::kFloat);
}

at::Tensor token_logprobs(const Transformer& transformer, const at::Tensor& hidden,
                          const at::Tensor& targets, double temperature, int64_t slice) {
  check_rows(hidden, targets, temperature);
  if (has_kernels(transformer.head, hidden)) {
    return linear_logprobs(hidden, transformer.head.weight, targets, temperature, slice);
  }
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < hidden.size(0); begin += slice) {
    const int64_t n = std::min(slice, hidden.size(0) - begin);
    const auto scores = logits(transformer, hidden.narrow(0, begin, n)) / temperature;
    const auto chosen = scores.gather(1, targets.narrow(0, begin, n).unsqueeze(1)).squeeze(1);
    parts.push_back(chosen - at::logsumexp(scores, 1));
  }
  return parts.empty() ? at::empty({0}, hidden.options().dtype(at::kFloat)) : at::cat(parts);
}

TokenScores token_scores(const Transformer& transformer, const at::Tensor& hidden,
                         const at::Tensor& targets, double temperature, int64_t slice) {
  const at::NoGradGuard no_grad;
  check_rows(hidden, targets, temperature);
  if (has_kernels(transformer.head, hidden)) {
    return linear_token_scores(hidden.contiguous(), transformer.head.weight, targets, temperature,
                               slice);
  }
  std::vector<at::Tensor> logprobs, entropies;
  for (int64_t begin = 0; begin < hidden.size(0); begin += slice) {
    const int64_t n = std::min(slice, hidden.size(0) - begin);
    const at::Tensor z = logits(transformer, hidden.narrow(0, begin, n)) / temperature;
    const at::Tensor lse = z.logsumexp(1, /*keepdim=*/true);
    logprobs.push_back((z.gather(1, targets.narrow(0, begin, n).unsqueeze(1)) - lse).squeeze(1));
    entropies.push_back(lse.squeeze(1) - ((z - lse).exp() * z).sum(1));
  }
  return {at::cat(logprobs), at::cat(entropies)};
}

}  // namespace charter::model
