// A model's sizes under the names of a config.json, for serve.hpp: what its operations are counted
// from.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "model/model_config.hpp"

namespace charter::bench {

[[nodiscard]] inline std::map<std::string, int64_t> model_sizes(const model::ModelConfig& c) {
  return {{"vocab_size", c.vocab_size},
          {"hidden_size", c.hidden_size},
          {"intermediate_size", c.intermediate_size},
          {"num_hidden_layers", c.num_layers},
          {"num_attention_heads", c.num_heads},
          {"num_key_value_heads", c.num_kv_heads},
          {"head_dim", c.head_dim}};
}

}  // namespace charter::bench
