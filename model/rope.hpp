// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) in the Hugging Face layout:
// dimension i of a head is paired with i + head_dim/2.
#pragma once
#include <ATen/core/Tensor.h>

#include "model/model_config.hpp"

namespace charter::model {

struct RopeTable {
  at::Tensor cos, sin;  // [P, head_dim/2] float32, row p for position p
};

// Rows 0 .. positions - 1, with the config's frequency scaling. Ask for those that will be used: a
// model file's max_position may be any number up to 2^30.
[[nodiscard]] RopeTable rope_table(const ModelConfig& config, int64_t positions,
                                   at::Device device = at::kCPU);

}  // namespace charter::model
