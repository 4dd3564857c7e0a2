// A snapshot: the trainable tensors of one model at one version, as a file (or a memory file) that
// is verified when it is read. Layout: safetensors, with model name, lineage, version and an
// XXH3-64 of every tensor's bytes in the metadata.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace charter::model {

struct Snapshot {
  std::string model;  // "policy" or "pm"
  int64_t lineage = 0;
  int64_t version = 0;
  std::map<std::string, at::Tensor> tensors;  // adapters ("....lora_a") or whole weights, and heads
  std::map<std::string, std::string> metadata;  // e.g. the PM's affine map; strings only
};

// Writes to a temporary name beside `path`, then renames. durable: fsync file and directory first.
// Returns the file's XXH3-64 as 16 hexadecimal digits.
std::string write_snapshot(const Snapshot& snapshot, const std::filesystem::path& path,
                           bool durable);

// Throws std::runtime_error naming the file and the tensor whose checksum differs. checksum: what
// write_snapshot() returned; the file's own must equal it, unless it is empty.
[[nodiscard]] Snapshot read_snapshot(const std::filesystem::path& path,
                                     const std::string& checksum = {});

}  // namespace charter::model
