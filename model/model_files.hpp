// A model on disk: a GGUF file or a Hugging Face directory, in and out.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "model/mapped_file.hpp"
#include "model/model_config.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::model {

struct ModelFiles {
  ModelConfig config;
  // By Hugging Face name, float32, row-major [out, in]:
  //   model.embed_tokens.weight [vocab, hidden], model.norm.weight [hidden], lm_head.weight [vocab,
  //   hidden] (absent when tied), and under model.layers.N.: input_layernorm.weight,
  //   post_attention_layernorm.weight [hidden], self_attn.{q,k,v,o}_proj.weight, .bias [out] of q,
  //   k, v with qkv_bias, self_attn.{q,k}_norm.weight [head_dim] with qk_norm,
  //   mlp.{gate,up,down}_proj.weight.
  // Rows of q_proj and k_proj are in Hugging Face order: RoPE pairs row i with i + head_dim/2.
  // Tensors read from a float32 safetensors file are read-only memory shared with every process
  // that maps it: never write into them, clone first.
  std::map<std::string, at::Tensor> tensors;
  TokenizerSpec tokenizer;
  std::string chat_template;  // Jinja source, "" when the file has none
  std::string source;         // the path it was read from
  std::string quantization;   // most common stored type of the matrices: "F32", "BF16", "Q4_1", ...
};

// Reads a .gguf file, or a directory with config.json, tokenizer.json and safetensors. The end ids
// of config.json, generation_config.json and a GGUF's eos, eot and eom make one set. Throws
// std::runtime_error with one line naming file, tensor or key, and offset for anything missing,
// malformed or unsupported; sizes are checked against the file before memory is taken.
// check: told of each safetensors file as it is mapped, so that its content is read once for both.
[[nodiscard]] ModelFiles load_model(const std::filesystem::path& gguf_or_hf_dir,
                                    const FileCheck& check = {});

// Only the tokenizer of the same sources: no tensor is read.
[[nodiscard]] TokenizerSpec load_tokenizer(const std::filesystem::path& gguf_or_hf_dir);

// Only the chat template: Jinja source, "" when there is none.
[[nodiscard]] std::string load_chat_template(const std::filesystem::path& gguf_or_hf_dir);

// Writes config.json, model.safetensors (float32), tokenizer.json, tokenizer_config.json,
// generation_config.json and chat_template.jinja: a directory that transformers and load_model
// read. The directory appears complete or not at all (written beside it, synced, renamed). `dir`
// must not exist, or be empty: std::runtime_error otherwise. complete: told of the directory when
// all of it is written, before it takes its place; may add files.
void save_hf_directory(const ModelFiles& files, const std::filesystem::path& dir,
                       const std::function<void(const std::filesystem::path&)>& complete = {});

// Checks that every tensor the config implies is there with its shape, and none else.
// Throws std::runtime_error naming the tensor, its shape and the expected one.
void check_tensors(const ModelFiles& files);

}  // namespace charter::model
