// Reader of GGUF files, versions 2 and 3, little-endian (the format page of ggml).
// The file is mapped; tensors are dequantized to float32 on demand.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/gguf_quant.hpp"
#include "model/mapped_file.hpp"

namespace charter::model {

// Integers of every width are int64_t, both floats are double; an array of booleans holds 0 and 1.
using GgufValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // row-major, as torch: ggml's dimensions reversed
  GgufType type = GgufType::kF32;
  uint64_t offset = 0;  // of the first byte, from the start of the file
  uint64_t bytes = 0;
};

// Immutable after open. Every count, length and offset is checked against the file before use: each
// error is one line with the file and the key or tensor and the offset (std::runtime_error).
class GgufFile {
 public:
  [[nodiscard]] static GgufFile open(const std::filesystem::path& path);

  [[nodiscard]] const std::string& path() const { return file_->path(); }
  [[nodiscard]] const std::vector<GgufTensor>& tensors() const { return tensors_; }

  // Metadata. `find` gives nothing when the key is absent; both throw when the type is another.
  template <typename T>
  [[nodiscard]] const T* find(const std::string& key) const;
  template <typename T>
  [[nodiscard]] const T& get(const std::string& key) const;
  // An integer, a float, or a boolean as 0 or 1.
  [[nodiscard]] double number(const std::string& key, std::optional<double> fallback = {}) const;
  [[nodiscard]] const std::map<std::string, GgufValue>& metadata() const { return metadata_; }

  // A new float32 tensor of t.shape, dequantized on at::get_num_threads() threads.
  [[nodiscard]] at::Tensor read(const GgufTensor& t) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace charter::model
