#include "model/device_forward.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "model/fused_ops.hpp"

namespace charter::model {
namespace {

constexpr int64_t kLogitRows = 64;  // rows of logits alive at once

at::Tensor index_tensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

// [T, heads, d] -> [1, heads, T, d], as attention takes it.
at::Tensor heads_first(const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); }

}  // namespace

struct DeviceForward::Pass {
  const KvCache& kv;
  const Transformer& model;
  const StepBatch& batch;
  at::Device device;
  at::Tensor cos, sin;  // [rows, d/2]
  const ModelConfig& c = model.config;

  // Row t of a sequence's step may see the keys before it and its own: [rows, total], or none
  // where that is all of them.
  [[nodiscard]] std::optional<at::Tensor> mask(const StepSequence& s) const {
    if (s.rows == 1) return std::nullopt;
    return at::ones({s.rows, s.start + s.rows}, at::TensorOptions(at::kBool).device(device))
        .tril(s.start);
  }

  // Copies the step's keys and values of one sequence into its blocks. k, v: [rows, kv_heads, d].
  void write(const StepSequence& s, int64_t layer, const at::Tensor& k, const at::Tensor& v) const {
    for (int64_t done = 0; done < s.rows;) {
      const int64_t position = s.start + done, slot = position % kKvBlockTokens;
      const int64_t n = std::min(kKvBlockTokens - slot, s.rows - done);
      const at::Tensor block =
          kv.tensor((*s.blocks)[static_cast<size_t>(position / kKvBlockTokens)])[layer];
      block[0].narrow(1, slot, n).copy_(k.narrow(0, done, n).transpose(0, 1));
      block[1].narrow(1, slot, n).copy_(v.narrow(0, done, n).transpose(0, 1));
      done += n;
    }
  }

  // All keys (part 0) or values (part 1) of a sequence: [1, kv_heads, start + rows, d].
  [[nodiscard]] at::Tensor past(const StepSequence& s, int64_t layer, int64_t part) const {
    const int64_t total = s.start + s.rows;
    std::vector<at::Tensor> parts;
    for (int64_t at = 0; at < total; at += kKvBlockTokens) {
      parts.push_back(
          kv.tensor((*s.blocks)[static_cast<size_t>(at / kKvBlockTokens)])[layer][part]);
    }
    return at::cat(parts, 1).narrow(1, 0, total).unsqueeze(0);
  }

  [[nodiscard]] at::Tensor attend(const Layer& layer, int64_t index, const at::Tensor& x) const {
    const int64_t rows = x.size(0);
    at::Tensor q = forward(layer.q, x).view({rows, c.num_heads, c.head_dim});
    at::Tensor k = forward(layer.k, x).view({rows, c.num_kv_heads, c.head_dim});
    const at::Tensor v = forward(layer.v, x).view({rows, c.num_kv_heads, c.head_dim});
    if (layer.q_norm.defined()) q = rms_norm(q, layer.q_norm, c.rms_norm_eps);
    if (layer.k_norm.defined()) k = rms_norm(k, layer.k_norm, c.rms_norm_eps);
    q = apply_rope(q, cos, sin);
    k = apply_rope(k, cos, sin);
    std::vector<at::Tensor> parts;
    for (const StepSequence& s : batch.sequences) {
      const auto own = [&](const at::Tensor& t) { return t.narrow(0, s.first_row, s.rows); };
      write(s, index, own(k), own(v));
      const at::Tensor mixed = at::scaled_dot_product_attention(
          heads_first(own(q)), past(s, index, 0), past(s, index, 1), mask(s), 0.0, false, {}, true);
      parts.push_back(mixed.squeeze(0).transpose(0, 1).reshape({s.rows, -1}));
    }
    return forward(layer.o, at::cat(parts));
  }

  [[nodiscard]] at::Tensor hidden() const {
    const std::vector<int64_t> tokens(batch.tokens.begin(), batch.tokens.end());
    at::Tensor x = at::embedding(model.embedding, index_tensor(tokens, device));
    for (size_t i = 0; i < model.layers.size(); ++i) {
      const Layer& layer = model.layers[i];
      x = x + attend(layer, static_cast<int64_t>(i), rms_norm(x, layer.input_norm, c.rms_norm_eps));
      const at::Tensor z = rms_norm(x, layer.post_attention_norm, c.rms_norm_eps);
      x = x + forward(layer.down, swiglu(forward(layer.gate, z), forward(layer.up, z)));
    }
    return x;
  }
};

void DeviceForward::run(const PackedModel::Impl& impl, const StepBatch& batch,
                        const LogitSink& sink) {
  const at::NoGradGuard no_grad;
  const DeviceModel& model = *impl.on_device;
  const at::Device device = model.transformer.embedding.device();
  const at::Tensor positions = index_tensor(batch.positions, device);
  const Pass pass{kv_,
                  model.transformer,
                  batch,
                  device,
                  rope_.cos.index_select(0, positions),
                  rope_.sin.index_select(0, positions)};
  const at::Tensor hidden = pass.hidden();
  const auto total = static_cast<int64_t>(batch.logit_rows.size());
  for (int64_t first = 0; first < total; first += kLogitRows) {
    const int64_t n = std::min(kLogitRows, total - first);
    const auto begin = batch.logit_rows.begin() + first;
    const at::Tensor rows = index_tensor({begin, begin + n}, device);
    const at::Tensor last = rms_norm(hidden.index_select(0, rows), model.transformer.final_norm,
                                     model.transformer.config.rms_norm_eps);
    at::Tensor scores = logits(model.transformer, last).to(at::kCPU).contiguous();
    for (int64_t i = 0; i < n; ++i) {
      sink(first + i, scores.mutable_data_ptr<float>() + i * scores.size(1));
    }
  }
}

}  // namespace charter::model
