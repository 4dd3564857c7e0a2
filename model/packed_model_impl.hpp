// What a PackedModel holds. Only the forward pass and the packer look inside.
// Shapes: H hidden size, F intermediate size, Q query rows, K key rows (kv_heads * head_dim), r
// rank.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <optional>
#include <vector>

#include "model/packed_model.hpp"

namespace charter::model {

// A matrix [out, in] in the panels of model/kernels.hpp.
struct PackedMatrix {
  at::Tensor data;             // panels, float32, bfloat16 or int8
  at::Tensor scales, offsets;  // int8 only, see model/kernels.hpp
  int64_t out = 0, in = 0;
  [[nodiscard]] const float* panels() const { return data.const_data_ptr<float>(); }
  Precision precision = Precision::kFloat32;
};

[[nodiscard]] PackedMatrix pack_matrix(const at::Tensor& weight,
                                       Precision precision = Precision::kFloat32);

struct PackedLayer {
  PackedMatrix qkv;               // [Q + 2K, H]
  PackedMatrix o, gate_up, down;  // [H, Q], [2F, H], [H, F]
  at::Tensor qkv_bias;            // [Q + 2K], or undefined
  at::Tensor input_norm, post_attention_norm, q_norm, k_norm;
};

// The adapters of one fused product: the A matrices that read the same input are one thin product,
// each B adds to its own columns of the output. B carries the scale.
struct PackedAdapter {
  struct Part {
    PackedMatrix b;      // [out of the part, r]
    int64_t column = 0;  // first column of its input in the thin product
    int64_t out = 0;     // first column of its output
  };
  PackedMatrix a;  // [sum of ranks, in]
  std::vector<Part> parts;
};

struct PackedAdapters {
  std::optional<PackedAdapter> qkv, o, gate_up, down;
};

struct PackedBase {
  ModelConfig config;
  std::vector<PackedLayer> layers;
  at::Tensor final_norm;
  at::Tensor embedding;  // [V, H]; undefined when tied in float32: rows are then gathered from the
                         // head's panels
  PackedMatrix head;     // [V, H]
  at::Tensor head_bias;  // [V], or undefined
  int64_t bytes = 0;     // of the panels and the embedding
};

// A model that stays as it is, for devices without our kernels.
struct DeviceModel {
  Transformer transformer;
};

struct PackedModel::Impl {
  std::shared_ptr<const DeviceModel> on_device;  // set: nothing below is
  std::shared_ptr<const PackedBase> base;
  std::vector<PackedAdapters> adapters;  // by layer; empty when the model has none
  std::optional<PackedAdapter> head_adapter;
  int64_t adapter_bytes = 0;
};

// What PackedModel::make gives for tensors on another device than the CPU: copies, since a learner
// in the same process updates its tensors in place. With `base`, an earlier copy of the same model,
// only adapters are copied.
[[nodiscard]] std::shared_ptr<const PackedModel> make_unpacked(const Transformer& transformer,
                                                               const DeviceModel* base = nullptr);

}  // namespace charter::model
