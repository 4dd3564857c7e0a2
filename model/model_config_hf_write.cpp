// Writes config.json of transformers.
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/model_config.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

// The class that transformers builds.
const char* architecture(ModelFamily family) {
  switch (family) {
    case ModelFamily::kLlama:
      return "LlamaForCausalLM";
    case ModelFamily::kMistral:
      return "MistralForCausalLM";
    case ModelFamily::kQwen2:
      return "Qwen2ForCausalLM";
    case ModelFamily::kQwen3:
      return "Qwen3ForCausalLM";
  }
  throw std::invalid_argument("family: unknown value");
}

json rope_scaling_to_hf(const RopeScaling& s) {
  switch (s.kind) {
    case RopeScalingKind::kNone:
      return nullptr;
    case RopeScalingKind::kLinear:
      return {{"rope_type", "linear"}, {"factor", s.factor}};
    case RopeScalingKind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", s.factor},
              {"low_freq_factor", s.low_freq_factor},
              {"high_freq_factor", s.high_freq_factor},
              {"original_max_position_embeddings", s.original_max_position}};
  }
  throw std::invalid_argument("rope_scaling: unknown kind");
}

// The families differ in how a window is said; llama's has none.
void put_window(const ModelConfig& c, json& out) {
  const json window = c.sliding_window ? json(*c.sliding_window) : json();
  if (c.family == ModelFamily::kMistral) out["sliding_window"] = window;
  if (c.family != ModelFamily::kQwen2 && c.family != ModelFamily::kQwen3) return;
  out["use_sliding_window"] = c.sliding_window.has_value();
  out["sliding_window"] = window;
  out["max_window_layers"] = c.sliding_window ? 0 : c.num_layers;
  if (c.windowed_layers.empty()) return;
  json types = json::array();
  for (const bool windowed : c.windowed_layers) {
    types.push_back(windowed ? "sliding_attention" : "full_attention");
  }
  out["layer_types"] = types;
}

}  // namespace

json eos_to_hf(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? json(ids.front()) : json(ids);
}

json config_to_hf(const ModelConfig& c) {
  const auto id = [](const std::optional<int64_t>& value) { return value ? json(*value) : json(); };
  json out = {{"architectures", {architecture(c.family)}},
              {"model_type", family_name(c.family)},
              {"vocab_size", c.vocab_size},
              {"hidden_size", c.hidden_size},
              {"intermediate_size", c.intermediate_size},
              {"num_hidden_layers", c.num_layers},
              {"num_attention_heads", c.num_heads},
              {"num_key_value_heads", c.num_kv_heads},
              {"head_dim", c.head_dim},
              {"hidden_act", "silu"},
              {"rms_norm_eps", c.rms_norm_eps},
              {"rope_theta", c.rope_theta},
              {"rope_scaling", rope_scaling_to_hf(c.rope_scaling)},
              {"max_position_embeddings", c.max_position},
              {"tie_word_embeddings", c.tie_embeddings},
              {"attention_dropout", 0.0},
              {"initializer_range", 0.02},
              {"use_cache", true},
              {"bos_token_id", id(c.bos_id)},
              {"eos_token_id", eos_to_hf(c.eos_ids)},
              {"pad_token_id", id(c.pad_id)},
              {"torch_dtype", "float32"}};
  if (c.family != ModelFamily::kMistral) out["attention_bias"] = false;
  put_window(c, out);
  return out;
}

}  // namespace charter::model
