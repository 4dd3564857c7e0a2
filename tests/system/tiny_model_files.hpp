// A transformer of two layers of random weights with the vocabulary of a GGUF: what it says is
// noise, in milliseconds.
#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "model/model_files.hpp"
#include "model/tokenizer.hpp"

namespace charter {

// hidden: of the vectors, a multiple of 8. The larger, the slower.
inline model::ModelFiles tiny_model_files(const std::filesystem::path& vocabulary,
                                          int64_t hidden = 32) {
  model::ModelFiles files;
  files.tokenizer = model::load_tokenizer(vocabulary);
  const model::Tokenizer tokenizer(files.tokenizer);
  auto& c = files.config;
  c.vocab_size = tokenizer.vocab_size();
  c.hidden_size = hidden;
  c.intermediate_size = 2 * hidden;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = hidden / c.num_heads;
  c.max_position = 2048;
  c.tie_embeddings = true;
  if (const auto end = tokenizer.id_of("<|im_end|>")) c.eos_ids = {*end};
  files.source = "random";

  const auto generator = at::detail::createCPUGenerator(/*seed_val=*/7);
  const auto random = [&](const std::string& name, std::vector<int64_t> shape) {
    files.tensors[name] = at::randn(shape, generator, at::TensorOptions(at::kFloat)) *
                          (0.2 * std::sqrt(32.0 / hidden));
  };
  const auto ones = [&](const std::string& name) {
    files.tensors[name] = at::ones({c.hidden_size});
  };
  random("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  ones("model.norm.weight");
  for (int64_t i = 0; i < c.num_layers; ++i) {
    const std::string p = "model.layers." + std::to_string(i) + ".";
    random(p + "self_attn.q_proj.weight", {c.num_heads * c.head_dim, c.hidden_size});
    random(p + "self_attn.k_proj.weight", {c.num_kv_heads * c.head_dim, c.hidden_size});
    random(p + "self_attn.v_proj.weight", {c.num_kv_heads * c.head_dim, c.hidden_size});
    random(p + "self_attn.o_proj.weight", {c.hidden_size, c.num_heads * c.head_dim});
    random(p + "mlp.gate_proj.weight", {c.intermediate_size, c.hidden_size});
    random(p + "mlp.up_proj.weight", {c.intermediate_size, c.hidden_size});
    random(p + "mlp.down_proj.weight", {c.hidden_size, c.intermediate_size});
    ones(p + "input_layernorm.weight");
    ones(p + "post_attention_layernorm.weight");
  }
  return files;
}

}  // namespace charter
