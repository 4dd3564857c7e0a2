// Reader and writer of safetensors files: 8 bytes of header length, a JSON header with dtype, shape
// and data_offsets of each tensor, then the bytes (huggingface/safetensors, README "Format").
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace charter::model {

struct SafetensorsContent {
  std::map<std::string, at::Tensor> tensors;    // float32
  std::map<std::string, std::string> metadata;  // the header's __metadata__
  std::string dtype;                            // most values' stored type: "F32", "F16", "BF16"
};

// Reads F32, F16 and BF16 tensors as float32. F32 data is not copied: the tensors are the mapped
// file, shared with every process that maps it (a write stays private to this process and costs a
// copied page). Throws std::runtime_error with one line naming file, tensor and offset; sizes are
// checked against the file first.
[[nodiscard]] SafetensorsContent read_safetensors(const std::filesystem::path& file);

// Reads model.safetensors of a folder, or the shards that model.safetensors.index.json lists.
[[nodiscard]] SafetensorsContent read_safetensors_dir(const std::filesystem::path& dir);

// Writes float32 tensors in name order: beside the file, synced, renamed over it. Throws
// std::invalid_argument for another dtype, std::runtime_error when the file cannot be written.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace charter::model
