// What a Llama-family checkpoint says of itself: sizes, rotary embedding, biases, special ids.
// Read from a Hugging Face config.json (key names as in transformers) or from GGUF metadata. What
// the file says and we do not compute is refused by name (model/config_keys.hpp).
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
  int64_t max_position = 0;  // tokens
  // Tokens that attention reaches back, the token itself among them; nothing: to the beginning.
  std::optional<int64_t> sliding_window;
  std::vector<bool> windowed_layers;  // with a window, by layer: those that have it; empty: all
  bool tie_embeddings = false;        // the head is the embedding; no lm_head.weight
  bool qkv_bias = false;              // Qwen2
  bool qk_norm = false;               // Qwen3: RMSNorm over head_dim on q and k before RoPE
  std::optional<int64_t> bos_id;
  std::vector<int64_t> eos_ids;  // all that end a text, each once, the main one first
  std::optional<int64_t> pad_id;

  // Tokens of the longest text we compute: max_position, or the window where it is shorter, since
  // attention within the window is full attention.
  [[nodiscard]] int64_t longest_text() const;
  bool operator==(const ModelConfig&) const = default;
};

// Throws std::invalid_argument naming the field, what it is and what was expected.
void validate(const ModelConfig& config);

// Reads a Hugging Face config. Throws std::runtime_error naming `source` (a file, for the message)
// and the key when a key is absent, has a wrong type, or asks for something we do not compute.
[[nodiscard]] ModelConfig config_from_hf(const nlohmann::json& hf, const std::string& source);

// Takes the end ids that generation_config.json adds: null when there is no such file.
// Throws std::runtime_error naming `source` when they are no token ids.
void add_generation_ends(ModelConfig& config, const nlohmann::json& generation,
                         const std::string& source);

// The value of eos_token_id: null, an id, or a list of several.
[[nodiscard]] nlohmann::json eos_to_hf(const std::vector<int64_t>& ids);

// Hugging Face config.json contents; config_from_hf reads it back to an equal value.
[[nodiscard]] nlohmann::json config_to_hf(const ModelConfig& config);

// What a frequency is divided by under kLlama3, for dimension pairs 0 .. head_dim/2 - 1.
// Source: transformers' modeling_rope_utils, llama3 parameters.
[[nodiscard]] std::vector<float> llama3_frequency_divisors(int64_t head_dim, double rope_theta,
                                                           const RopeScaling& scaling);

}  // namespace charter::model
