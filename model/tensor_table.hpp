// What the readers of model files check of a file's tensors before their weights are read:
// names, shapes and places. So memory is taken only for a model that is whole, and never for the
// same bytes twice: what loading takes is bounded by the size of the file.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_config.hpp"

namespace charter::model {

using TensorShapes = std::map<std::string, std::vector<int64_t>>;  // by Hugging Face name

// Every tensor the config implies is in `shapes` with its shape, and none else. Throws
// std::runtime_error naming `source`, the tensor, its shape and the expected one.
void check_shapes(const ModelConfig& config, const TensorShapes& shapes, const std::string& source);

struct TensorPlace {
  std::string_view name;
  uint64_t offset;  // from the start of the file
  uint64_t bytes;
};

// No two tensors share a byte. Throws std::runtime_error naming `path`, both and the offset.
void check_places(const std::string& path, std::vector<TensorPlace> places);

}  // namespace charter::model
