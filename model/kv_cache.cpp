#include "model/kv_cache.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace charter::model {

void KvCache::Free::operator()(float* p) const { std::free(p); }

KvCache::KvCache(const ModelConfig& config, std::optional<at::Device> device)
    : device_(device),
      layers_(config.num_layers),
      heads_(config.num_kv_heads),
      dim_(config.head_dim),
      plane_(config.head_dim * kKvBlockTokens) {}

KvCache::Block KvCache::make_block() const {
  Block block;
  if (device_) {
    block.tensor = at::zeros({layers_, 2, heads_, kKvBlockTokens, dim_},
                             at::TensorOptions(at::kFloat).device(*device_));
    return block;
  }
  const auto bytes = static_cast<size_t>((block_bytes() + 63) / 64 * 64);
  block.data.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
  if (block.data == nullptr) throw std::bad_alloc();
  // Kernels read whole vectors of a block before its last token is written and mask them after:
  // any finite value will do, but not what fresh memory may hold.
  std::fill_n(block.data.get(), bytes / sizeof(float), 0.0f);
  return block;
}

int32_t KvCache::acquire() {
  if (free_.empty()) {
    free_.push_back(static_cast<int32_t>(blocks_.size()));
    blocks_.push_back(make_block());
  }
  const int32_t index = free_.back();
  free_.pop_back();
  blocks_[static_cast<size_t>(index)].references = 1;
  ++in_use_;
  return index;
}

void KvCache::retain(int32_t block) { ++blocks_[static_cast<size_t>(block)].references; }

void KvCache::release(int32_t block) {
  Block& b = blocks_[static_cast<size_t>(block)];
  if (b.references <= 0)
    throw std::logic_error("kv block " + std::to_string(block) + " released twice");
  if (--b.references == 0) {
    free_.push_back(block);
    --in_use_;
  }
}

void KvCache::write(int32_t block, int64_t slot, int64_t layer, const float* key,
                    const float* value) const {
  for (int64_t head = 0; head < heads_; ++head, key += dim_, value += dim_) {
    float* k = keys(block, layer, head) + slot;
    for (int64_t i = 0; i < dim_; ++i) k[i * kKvBlockTokens] = key[i];
    std::copy_n(value, dim_, values(block, layer, head) + slot * dim_);
  }
}

void KvCache::copy_prefix(int32_t from, int32_t to, int64_t tokens) const {
  if (device_) {
    tensor(to).narrow(3, 0, tokens).copy_(tensor(from).narrow(3, 0, tokens));
    return;
  }
  for (int64_t layer = 0; layer < layers_; ++layer) {
    for (int64_t head = 0; head < heads_; ++head) {
      const float* k = keys(from, layer, head);
      float* target = keys(to, layer, head);
      for (int64_t i = 0; i < dim_; ++i) {
        std::copy_n(k + i * kKvBlockTokens, tokens, target + i * kKvBlockTokens);
      }
      std::copy_n(values(from, layer, head), tokens * dim_, values(to, layer, head));
    }
  }
}

}  // namespace charter::model
