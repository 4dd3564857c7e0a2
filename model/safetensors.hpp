// Reader and writer of safetensors files: 8 bytes of header length, a JSON header with dtype, shape
// and data_offsets of each tensor, then the bytes (huggingface/safetensors, README "Format").
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/gguf_quant.hpp"
#include "model/mapped_file.hpp"

namespace charter::model {

// What a header says of one tensor.
struct SafetensorsEntry {
  std::shared_ptr<const MappedFile> file;
  std::vector<int64_t> shape;
  GgufType dtype = GgufType::kF32;  // F32, F16 or BF16
  uint64_t offset = 0;              // of the first byte, from the start of the file
  uint64_t bytes = 0;
};

// The headers of a file or of a model's shards: no data is read before `read`. Every size and
// offset is checked against its file, and no two tensors share a byte. Each error is one line with
// the file, the tensor and the offset (std::runtime_error).
struct SafetensorsIndex {
  std::map<std::string, SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;  // the header's __metadata__

  // check: told of each file that is mapped.
  [[nodiscard]] static SafetensorsIndex open(const std::filesystem::path& file,
                                             const FileCheck& check = {});
  // model.safetensors of a folder; without it the shards that model.safetensors.index.json lists.
  [[nodiscard]] static SafetensorsIndex open_dir(const std::filesystem::path& dir,
                                                 const FileCheck& check = {});

  [[nodiscard]] std::string dtype() const;  // most values' stored type: "F32", "F16", "BF16"
};

// As float32. F32 data is not copied: the tensor is the mapped file, shared with every process that
// maps it (a write stays private to this process and costs a copied page).
[[nodiscard]] at::Tensor read_tensor(const SafetensorsEntry& entry);

struct SafetensorsContent {
  std::map<std::string, at::Tensor> tensors;    // float32
  std::map<std::string, std::string> metadata;  // the header's __metadata__
  std::string dtype;                            // most values' stored type: "F32", "F16", "BF16"
};

// Opens and reads every tensor.
[[nodiscard]] SafetensorsContent read_safetensors(const std::filesystem::path& file);
[[nodiscard]] SafetensorsContent read_safetensors_dir(const std::filesystem::path& dir);

// Writes float32 tensors in name order: beside the file, synced, renamed over it. Throws
// std::invalid_argument for another dtype, std::runtime_error when the file cannot be written.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace charter::model
