// Keys and values of past tokens in blocks of 64 tokens, counted by reference: sequences that share
// a prefix share its blocks. A block holds, for each layer and key head, the keys transposed [d,
// 64] and the values [64, d], both in the layout the attention kernels read as the right-hand side
// of a matrix product. On another device a block is one tensor. Used by one thread at a time;
// members of a team may write different tokens at once.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/model_config.hpp"

namespace charter::model {

constexpr int64_t kKvBlockTokens = 64;

class KvCache {
 public:
  // With `device`, blocks are tensors on it for model/device_forward.hpp.
  explicit KvCache(const ModelConfig& config, std::optional<at::Device> device = std::nullopt);

  // A block nobody else holds; its contents are whatever they were. The caller owns one reference.
  [[nodiscard]] int32_t acquire();
  void retain(int32_t block);
  void release(int32_t block);

  // keys: [d, 64], element (i, t) at i * 64 + t; values: [64, d].
  [[nodiscard]] float* keys(int32_t block, int64_t layer, int64_t head) const {
    return blocks_[static_cast<size_t>(block)].data.get() + (layer * heads_ + head) * 2 * plane_;
  }
  [[nodiscard]] float* values(int32_t block, int64_t layer, int64_t head) const {
    return keys(block, layer, head) + plane_;
  }

  // [layers, 2, kv_heads, 64, d]: keys, then values. Only with a device.
  [[nodiscard]] const at::Tensor& tensor(int32_t block) const {
    return blocks_[static_cast<size_t>(block)].tensor;
  }

  // Writes one token's rotated keys and its values, [kv_heads, d] each.
  void write(int32_t block, int64_t slot, int64_t layer, const float* key,
             const float* value) const;
  // Copies the first `tokens` tokens of every layer.
  void copy_prefix(int32_t from, int32_t to, int64_t tokens) const;

  [[nodiscard]] int64_t block_bytes() const { return layers_ * heads_ * 2 * plane_ * 4; }
  [[nodiscard]] int64_t blocks_in_use() const { return in_use_; }
  [[nodiscard]] int64_t head_dim() const { return dim_; }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  struct Block {
    std::unique_ptr<float[], Free> data;
    at::Tensor tensor;
    int32_t references = 0;
  };

  [[nodiscard]] Block make_block() const;

  std::optional<at::Device> device_;
  int64_t layers_, heads_, dim_, plane_;  // plane_: floats of one head's keys in a block
  int64_t in_use_ = 0;
  std::vector<Block> blocks_;
  std::vector<int32_t> free_;
};

}  // namespace charter::model
