// A GGUF file as a model: llama.cpp's names and row order to Hugging Face's.
#pragma once
#include <string>

#include "model/gguf.hpp"
#include "model/model_files.hpp"

namespace charter::model {

// Architectures llama (Llama, Mistral, SmolLM2), qwen2, qwen3. Each throws std::runtime_error
// naming the file and the key or tensor that is missing or unsupported.
[[nodiscard]] ModelConfig config_from_gguf(const GgufFile& gguf);
[[nodiscard]] TokenizerSpec tokenizer_from_gguf(const GgufFile& gguf);
[[nodiscard]] ModelFiles model_from_gguf(const GgufFile& gguf);
// "" when it has none.
[[nodiscard]] std::string chat_template_from_gguf(const GgufFile& gguf);

// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; "" for a name we do not know.
[[nodiscard]] std::string hf_tensor_name(const std::string& gguf_name);

}  // namespace charter::model
