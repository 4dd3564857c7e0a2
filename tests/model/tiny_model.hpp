// A transformer of a few thousand random weights, for tests.
#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <string>
#include <vector>

#include "model/transformer.hpp"

namespace charter::model {

struct TinyOptions {
  bool qkv_bias = false, qk_norm = false, tied = true;
  int64_t vocab = 97;
  uint64_t seed = 7;
  int64_t num_kv_heads = 2;  // 6: no groups of heads
};

inline ModelConfig tiny_config(const TinyOptions& options) {
  ModelConfig c;
  c.vocab_size = options.vocab;
  c.hidden_size = 48;
  c.intermediate_size = 80;
  c.num_layers = 3;
  c.num_heads = 6;
  c.num_kv_heads = options.num_kv_heads;
  c.head_dim = 16;
  c.max_position = 512;
  c.tie_embeddings = options.tied;
  c.qkv_bias = options.qkv_bias;
  c.qk_norm = options.qk_norm;
  return c;
}

inline Transformer tiny_transformer(const TinyOptions& options = {}) {
  const ModelConfig c = tiny_config(options);
  const auto generator = at::detail::createCPUGenerator(options.seed);
  ModelFiles files;
  files.config = c;
  files.source = "tiny";
  const auto random = [&](const std::string& name, std::vector<int64_t> shape, double scale) {
    files.tensors[name] = at::randn(shape, generator, at::TensorOptions(at::kFloat)) * scale;
  };
  const auto norm = [&](const std::string& name, int64_t size) {
    files.tensors[name] = at::randn({size}, generator, at::TensorOptions(at::kFloat)) * 0.1 + 1.0;
  };
  random("model.embed_tokens.weight", {c.vocab_size, c.hidden_size}, 0.6);
  if (!c.tie_embeddings) random("lm_head.weight", {c.vocab_size, c.hidden_size}, 0.4);
  norm("model.norm.weight", c.hidden_size);
  for (int64_t i = 0; i < c.num_layers; ++i) {
    const std::string p = "model.layers." + std::to_string(i) + ".";
    const int64_t q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
    random(p + "self_attn.q_proj.weight", {q, c.hidden_size}, 0.3);
    random(p + "self_attn.k_proj.weight", {kv, c.hidden_size}, 0.3);
    random(p + "self_attn.v_proj.weight", {kv, c.hidden_size}, 0.3);
    random(p + "self_attn.o_proj.weight", {c.hidden_size, q}, 0.2);
    random(p + "mlp.gate_proj.weight", {c.intermediate_size, c.hidden_size}, 0.2);
    random(p + "mlp.up_proj.weight", {c.intermediate_size, c.hidden_size}, 0.2);
    random(p + "mlp.down_proj.weight", {c.hidden_size, c.intermediate_size}, 0.2);
    if (c.qkv_bias) {
      random(p + "self_attn.q_proj.bias", {q}, 0.3);
      random(p + "self_attn.k_proj.bias", {kv}, 0.3);
      random(p + "self_attn.v_proj.bias", {kv}, 0.3);
    }
    if (c.qk_norm) {
      norm(p + "self_attn.q_norm.weight", c.head_dim);
      norm(p + "self_attn.k_norm.weight", c.head_dim);
    }
    norm(p + "input_layernorm.weight", c.hidden_size);
    norm(p + "post_attention_layernorm.weight", c.hidden_size);
  }
  return make_transformer(files);
}

// `count` ids that look random and depend on `seed`.
inline std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::vector<int32_t> tiny_tokens(int64_t count, uint64_t seed, int64_t vocab = 97) {
  std::vector<int32_t> result;
  uint64_t state = seed * 0x9E3779B97F4A7C15ull + 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    result.push_back(static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocab)));
  }
  return result;
}

// Puts adapters of rank 3 with random B on every layer's linears.
inline void add_random_adapters(Transformer& transformer, uint64_t seed = 11) {
  const auto generator = at::detail::createCPUGenerator(seed);
  for_each_linear(transformer, [&](const std::string& name, Linear& linear) {
    if (name == "lm_head") return;
    const auto options = at::TensorOptions(at::kFloat);
    linear.lora_a = at::randn({3, linear.weight.size(1)}, generator, options) * 0.2;
    linear.lora_b = at::randn({linear.weight.size(0), 3}, generator, options) * 0.2;
    linear.lora_scale = 0.5;
  });
}

}  // namespace charter::model
