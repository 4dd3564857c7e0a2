// Where tensors live. Weights, batches and caches follow a transformer's device; this is how it
// gets there.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "model/transformer.hpp"

namespace charter::model {

// "cpu" or "cuda". For "cuda" LibTorch's CUDA library is loaded from beside its CPU library; throws
// std::runtime_error saying what is missing: the library, a driver, or a GPU. Called before
// anything else of LibTorch in the process.
[[nodiscard]] at::Device require_device(const std::string& name);

// The same weights on `device`; a tied head stays tied.
[[nodiscard]] Transformer on_device(Transformer transformer, at::Device device);

}  // namespace charter::model
