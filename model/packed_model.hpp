// A transformer prepared for inference: fused QKV and gate/up, weights packed for the CPU's matrix
// kernels. Several models that differ only in adapters share one packed base.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "model/transformer.hpp"

namespace charter::model {

enum class Precision {
  kFloat32,
  kInt8
};  // kInt8: 8-bit weights (a scale an output) and activations (a scale a row); the rest in float32

class PackedModel {
 public:
  // Packs `transformer`, or copies it where its tensors are on another device than the CPU. Its
  // adapters stay beside the packed base (two thin products a layer), so
  // that with_adapters() costs nothing but their copy. One packing serves every batch size;
  // batch_class >= 1 is a hint.
  static std::shared_ptr<const PackedModel> make(const Transformer& transformer,
                                                 Precision precision = Precision::kFloat32,
                                                 int64_t batch_class = 32);
  // The same packed base with the adapters of `transformer` (same base weights) in place of this
  // model's.
  [[nodiscard]] std::shared_ptr<const PackedModel> with_adapters(
      const Transformer& transformer) const;

  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] int64_t packed_bytes() const;  // 0 on other devices
  [[nodiscard]] at::Device device() const;

  struct Impl;
  explicit PackedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace charter::model
