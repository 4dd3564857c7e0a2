#include "model/model_files.hpp"

#include <ATen/ATen.h>

#include <sstream>
#include <stdexcept>
#include <vector>

#include "model/gguf_model.hpp"
#include "model/hf_directory.hpp"
#include "model/input_error.hpp"

namespace charter::model {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

void add_layer(const ModelConfig& c, const std::string& layer, Shapes& out) {
  const int64_t q = c.num_heads * c.head_dim;
  const int64_t kv = c.num_kv_heads * c.head_dim;
  out[layer + "input_layernorm.weight"] = {c.hidden_size};
  out[layer + "post_attention_layernorm.weight"] = {c.hidden_size};
  out[layer + "self_attn.q_proj.weight"] = {q, c.hidden_size};
  out[layer + "self_attn.k_proj.weight"] = {kv, c.hidden_size};
  out[layer + "self_attn.v_proj.weight"] = {kv, c.hidden_size};
  out[layer + "self_attn.o_proj.weight"] = {c.hidden_size, q};
  out[layer + "mlp.gate_proj.weight"] = {c.intermediate_size, c.hidden_size};
  out[layer + "mlp.up_proj.weight"] = {c.intermediate_size, c.hidden_size};
  out[layer + "mlp.down_proj.weight"] = {c.hidden_size, c.intermediate_size};
  if (c.qkv_bias) {
    out[layer + "self_attn.q_proj.bias"] = {q};
    out[layer + "self_attn.k_proj.bias"] = {kv};
    out[layer + "self_attn.v_proj.bias"] = {kv};
  }
  if (c.qk_norm) {
    out[layer + "self_attn.q_norm.weight"] = {c.head_dim};
    out[layer + "self_attn.k_norm.weight"] = {c.head_dim};
  }
}

Shapes expected_shapes(const ModelConfig& c) {
  Shapes out;
  out["model.embed_tokens.weight"] = {c.vocab_size, c.hidden_size};
  out["model.norm.weight"] = {c.hidden_size};
  if (!c.tie_embeddings) out["lm_head.weight"] = {c.vocab_size, c.hidden_size};
  for (int64_t i = 0; i < c.num_layers; ++i) {
    add_layer(c, "model.layers." + std::to_string(i) + ".", out);
  }
  return out;
}

std::string text_of(at::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

ModelFiles load_files(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return model_from_hf_directory(path);
  return model_from_gguf(GgufFile::open(path));
}

}  // namespace

void check_tensors(const ModelFiles& files) {
  const Shapes expected = expected_shapes(files.config);
  for (const auto& [name, shape] : expected) {
    const auto it = files.tensors.find(name);
    if (it == files.tensors.end()) {
      throw InputError(files.source + ": tensor " + name + ": expected " + text_of(shape) +
                       ", but absent");
    }
    if (it->second.sizes() != at::IntArrayRef(shape)) {
      throw InputError(files.source + ": tensor " + name + ": shape " +
                       text_of(it->second.sizes()) + ", expected " + text_of(shape));
    }
  }
  for (const auto& [name, tensor] : files.tensors) {
    if (!expected.contains(name)) {
      throw InputError(files.source + ": tensor " + name.substr(0, 100) +
                       ": not a tensor of this model");
    }
  }
}

ModelFiles load_model(const std::filesystem::path& path) {
  ModelFiles files = load_files(path);
  const auto tokens = static_cast<int64_t>(files.tokenizer.tokens.size());
  if (tokens > files.config.vocab_size) {
    throw InputError(files.source + ": the tokenizer has " + std::to_string(tokens) +
                     " tokens, expected at most the embedding's " +
                     std::to_string(files.config.vocab_size));
  }
  return files;
}

TokenizerSpec load_tokenizer(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return tokenizer_from_hf_directory(path);
  return tokenizer_from_gguf(GgufFile::open(path));
}

}  // namespace charter::model
