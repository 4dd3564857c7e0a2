// What a Llama-family checkpoint says of itself: sizes, rotary embedding, biases, special ids.
// Read from a Hugging Face config.json (key names as in transformers) or from GGUF metadata.
// Plain data; safe to copy and to share between threads once filled.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charter::model {

enum class ModelFamily { kLlama, kMistral, kQwen2, kQwen3 };

[[nodiscard]] std::string_view family_name(ModelFamily family);  // "llama", "mistral", ...

enum class RopeScalingKind { kNone, kLinear, kLlama3 };

// Rotary frequency scaling. kLinear divides every frequency by factor; kLlama3 follows Llama 3.1:
// wavelengths above original_max_position / low_freq_factor are divided by factor, those below
// original_max_position / high_freq_factor kept, the ones between interpolated.
struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::kNone;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_max_position = 8192;  // tokens
  bool operator==(const RopeScaling&) const = default;
};

struct ModelConfig {
  ModelFamily family = ModelFamily::kLlama;
  int64_t vocab_size = 0;  // rows of the embedding
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;     // query heads
  int64_t num_kv_heads = 0;  // divides num_heads
  int64_t head_dim = 0;      // even; not always hidden_size / num_heads
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  // Tokens. A model with a sliding window has it clipped to the window: attention within the window
  // is full attention, so every length we accept is computed exactly.
  int64_t max_position = 0;
  bool tie_embeddings = false;  // the head is the embedding; no lm_head.weight
  bool qkv_bias = false;        // Qwen2
  bool qk_norm = false;         // Qwen3: RMSNorm over head_dim on q and k before RoPE
  std::optional<int64_t> bos_id;
  std::optional<int64_t> eos_id;
  std::optional<int64_t> pad_id;
  bool operator==(const ModelConfig&) const = default;
};

// Throws std::invalid_argument naming the field, what it is and what was expected.
void validate(const ModelConfig& config);

// Reads a Hugging Face config. Throws std::runtime_error naming `source` (a file, for the message)
// and the key when a key is absent, has a wrong type, or asks for something we do not compute.
[[nodiscard]] ModelConfig config_from_hf(const nlohmann::json& hf, const std::string& source);

// Hugging Face config.json contents; config_from_hf reads it back to an equal value.
[[nodiscard]] nlohmann::json config_to_hf(const ModelConfig& config);

// What a frequency is divided by under kLlama3, for dimension pairs 0 .. head_dim/2 - 1.
// Source: transformers' modeling_rope_utils, llama3 parameters.
[[nodiscard]] std::vector<float> llama3_frequency_divisors(int64_t head_dim, double rope_theta,
                                                           const RopeScaling& scaling);

}  // namespace charter::model
