#include "model/cached_forward.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "model/grow.hpp"
#include "model/kernels.hpp"

namespace charter::model {
namespace {

constexpr int64_t kLogitRows = 64;  // rows of logits alive at once
constexpr int64_t kWorthATeam =
    500'000;  // multiplications of a layer below which meeting costs more

}  // namespace

void StepBatch::clear() {
  tokens.clear();
  positions.clear();
  owner.clear();
  sequences.clear();
  logit_rows.clear();
}

struct CachedForward::Pass {
  CachedForward& self;
  const PackedModel::Impl& model;
  const StepBatch& batch;
  Team& team;
  const PackedBase& base = *model.base;
  const ModelConfig& c = base.config;
  const int64_t rows = static_cast<int64_t>(batch.tokens.size());
  const int64_t q_width = c.num_heads * c.head_dim, kv_width = c.num_kv_heads * c.head_dim;
  const int64_t qkv_width = q_width + 2 * kv_width;
  // The residual stream, [live, H]: all rows up to the last layer's attention, from there on those
  // whose logits are wanted.
  float* stream = self.x_.data();
  int64_t live = rows;

  void embed() {
    const int64_t h = c.hidden_size, width = kernels().panel;
    team.for_each(rows, [&](int64_t r) {
      const int64_t token = batch.tokens[static_cast<size_t>(r)];
      float* to = self.x_.data() + r * h;
      if (base.embedding.defined()) {
        std::copy_n(base.embedding.const_data_ptr<float>() + token * h, h, to);
        return;
      }
      const float* panel = base.head.panels() + token / width * width * h + token % width;
      for (int64_t i = 0; i < h; ++i) to[i] = panel[i * width];
    });
  }

  void norm_rows(const at::Tensor& weight) {
    const int64_t h = c.hidden_size;
    const float* w = weight.const_data_ptr<float>();
    team.for_each(live, [&](int64_t r) {
      kernels().rms_norm(stream + r * h, w, static_cast<float>(c.rms_norm_eps), 1, h,
                         self.h_.data() + r * h, nullptr);
    });
  }

  // Attention's rows that the last layer goes on with, side by side; they take QKV's place.
  const float* keep_logit_rows() {
    const auto wanted = static_cast<int64_t>(batch.logit_rows.size());
    if (wanted == rows) return self.mixed_.data();
    const int64_t h = c.hidden_size;
    team.for_each(wanted, [&](int64_t i) {
      const int64_t r = batch.logit_rows[static_cast<size_t>(i)];
      std::copy_n(self.mixed_.data() + r * q_width, q_width, self.qkv_.data() + i * q_width);
      std::copy_n(self.x_.data() + r * h, h, self.wanted_.data() + i * h);
    });
    stream = self.wanted_.data();
    live = wanted;
    return self.qkv_.data();
  }

  // Bias, QK norm and rotation of one row of QKV in place.
  void finish_qkv(const PackedLayer& layer, int64_t r) {
    float* row = self.qkv_.data() + r * qkv_width;
    const int64_t half = c.head_dim / 2, position = batch.positions[static_cast<size_t>(r)];
    const auto eps = static_cast<float>(c.rms_norm_eps);
    if (layer.qkv_bias.defined()) {
      kernels().add(layer.qkv_bias.const_data_ptr<float>(), qkv_width, row);
    }
    if (layer.q_norm.defined()) {
      kernels().rms_norm(row, layer.q_norm.const_data_ptr<float>(), eps, c.num_heads, c.head_dim,
                         row, nullptr);
      kernels().rms_norm(row + q_width, layer.k_norm.const_data_ptr<float>(), eps, c.num_kv_heads,
                         c.head_dim, row + q_width, nullptr);
    }
    const float* cos = self.rope_.cos.const_data_ptr<float>() + position * half;
    const float* sin = self.rope_.sin.const_data_ptr<float>() + position * half;
    kernels().rope(row, cos, sin, c.num_heads + c.num_kv_heads, c.head_dim, 1.0f, row);
  }

  void attend(const PackedLayer& layer, const PackedAdapters& adapters, int64_t index) {
    const bool last = index + 1 == c.num_layers;
    norm_rows(layer.input_norm);
    self.product_.run(team, layer.qkv, adapters.qkv, self.h_.data(), rows, self.qkv_.data(), false);
    team.for_each(rows, [&](int64_t r) {
      finish_qkv(layer, r);
      const float* row = self.qkv_.data() + r * qkv_width;
      const int64_t position = batch.positions[static_cast<size_t>(r)];
      const auto owner = static_cast<size_t>(batch.owner[static_cast<size_t>(r)]);
      const auto& blocks = *batch.sequences[owner].blocks;
      self.kv_.write(blocks[static_cast<size_t>(position / kKvBlockTokens)],
                     position % kKvBlockTokens, index, row + q_width, row + q_width + kv_width);
    });
    if (last && batch.logit_rows.empty()) return;  // a prompt's chunk: its keys and values are all
    self.attention_.run(team, index, self.qkv_.data(), qkv_width, self.mixed_.data());
    const float* heads = last ? keep_logit_rows() : self.mixed_.data();
    self.product_.run(team, layer.o, adapters.o, heads, live, stream, true);
  }

  void feed_forward(const PackedLayer& layer, const PackedAdapters& adapters) {
    const int64_t f = c.intermediate_size;
    norm_rows(layer.post_attention_norm);
    self.product_.run(team, layer.gate_up, adapters.gate_up, self.h_.data(), live,
                      self.gate_up_.data(), false);
    team.for_each(live, [&](int64_t r) {
      const float* gate = self.gate_up_.data() + r * 2 * f;
      kernels().swiglu(gate, gate + f, 2 * f, 1, f, self.act_.data() + r * f);
    });
    self.product_.run(team, layer.down, adapters.down, self.act_.data(), live, stream, true);
  }

  void head(const LogitSink& sink) {
    const int64_t h = c.hidden_size, total = live;
    const float* w = base.final_norm.const_data_ptr<float>();
    for (int64_t first = 0; first < total; first += kLogitRows) {
      const int64_t n = std::min(kLogitRows, total - first);
      team.for_each(n, [&](int64_t i) {
        kernels().rms_norm(stream + (first + i) * h, w, static_cast<float>(c.rms_norm_eps), 1, h,
                           self.h_.data() + i * h, nullptr);
      });
      self.product_.run(team, base.head, model.head_adapter, self.h_.data(), n, self.logits_.data(),
                        false);
      team.for_range(n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          float* row = self.logits_.data() + i * c.vocab_size;
          if (base.head_bias.defined()) {
            kernels().add(base.head_bias.const_data_ptr<float>(), c.vocab_size, row);
          }
          sink(first + i, row);
        }
      });
    }
  }
};

CachedForward::CachedForward(const ModelConfig& config, const KvCache& kv, int64_t positions)
    : config_(config), kv_(kv), rope_(rope_table(config, positions)), attention_(config, kv) {}

void CachedForward::run(const PackedModel::Impl& model, const StepBatch& batch,
                        const LogitSink& sink) {
  const auto rows = static_cast<int64_t>(batch.tokens.size());
  const int64_t q_width = config_.num_heads * config_.head_dim;
  const int64_t kv_width = config_.num_kv_heads * config_.head_dim;
  grow(x_, rows * config_.hidden_size);
  grow(h_, rows * config_.hidden_size);
  grow(qkv_, rows * (q_width + 2 * kv_width));
  grow(mixed_, rows * q_width);
  grow(gate_up_, rows * 2 * config_.intermediate_size);
  grow(act_, rows * config_.intermediate_size);
  product_.fit(model, rows);
  const auto logit_rows = static_cast<int64_t>(batch.logit_rows.size());
  grow(wanted_, logit_rows * config_.hidden_size);
  grow(logits_, std::min(kLogitRows, logit_rows) * config_.vocab_size);
  attention_.plan(batch.sequences);
  const int64_t layer_weights =
      config_.hidden_size * (2 * q_width + 2 * kv_width + 3 * config_.intermediate_size);
  const int threads = rows * layer_weights < kWorthATeam ? 1 : at::get_num_threads();
  Team::run(threads, [&](Team& team, int) {
    Pass pass{*this, model, batch, team};
    static const PackedAdapters kNone;
    pass.embed();
    for (size_t i = 0; i < pass.base.layers.size(); ++i) {
      const PackedAdapters& adapters = model.adapters.empty() ? kNone : model.adapters[i];
      pass.attend(pass.base.layers[i], adapters, static_cast<int64_t>(i));
      if (i + 1 == pass.base.layers.size() && batch.logit_rows.empty()) return;
      pass.feed_forward(pass.base.layers[i], adapters);
    }
    pass.head(sink);
  });
}

}  // namespace charter::model
