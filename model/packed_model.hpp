// A transformer prepared for inference: fused QKV and gate/up, weights packed for the CPU's matrix
// kernels. Several models that differ only in adapters share one packed base.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "model/transformer.hpp"

namespace charter::model {

// Of the linear layers' weights and inputs; sums, and everything else, are float32.
enum class Precision {
  kFloat32,
  kBfloat16,  // where the CPU has AVX512_BF16
  kInt8       // weights with a scale an output, inputs with a scale for 64 of a row
};

// "float32", "bfloat16", "int8". Throws std::invalid_argument for another name.
[[nodiscard]] Precision precision_from_name(const std::string& name);
[[nodiscard]] const char* name(Precision precision);

class PackedModel {
 public:
  // Packs `transformer`, or copies it where its tensors are on another device than the CPU. Its
  // adapters stay beside the packed base (two thin products a layer), so
  // that with_adapters() costs nothing but their copy. One packing serves every batch size.
  // Throws std::runtime_error for a precision the machine lacks.
  static std::shared_ptr<const PackedModel> make(const Transformer& transformer,
                                                 Precision precision = Precision::kFloat32);
  // The same packed base with the adapters of `transformer` (same base weights) in place of this
  // model's.
  [[nodiscard]] std::shared_ptr<const PackedModel> with_adapters(
      const Transformer& transformer) const;

  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] int64_t packed_bytes()
      const;  // of panels, embedding and adapters; 0 on other devices
  [[nodiscard]] at::Device device() const;

  struct Impl;
  explicit PackedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace charter::model
