// One step of the cached forward pass: any mix of prompt tokens and decoding tokens of many
// sequences, each token one row. Writes their keys and values into the cache and hands the chosen
// rows' logits to a function. Used by one thread, which it shares the work of with LibTorch's pool
// (at::get_num_threads() members).
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "model/cached_attention.hpp"
#include "model/kv_cache.hpp"
#include "model/packed_model_impl.hpp"

namespace charter::model {

struct StepBatch {
  std::vector<int32_t> tokens;     // [rows]
  std::vector<int64_t> positions;  // [rows]
  std::vector<int32_t> owner;      // [rows] index into sequences
  std::vector<StepSequence> sequences;
  std::vector<int64_t> logit_rows;  // rows whose next-token logits are wanted
  void clear();
};

// Called once for each logit row, by any member of the team, with [V] logits that are valid during
// the call.
using LogitSink = std::function<void(int64_t index, float* logits)>;

class CachedForward {
 public:
  CachedForward(const ModelConfig& config, const KvCache& kv);

  void run(const PackedModel::Impl& model, const StepBatch& batch, const LogitSink& sink);

 private:
  struct Pass;  // one member's view of a running step

  ModelConfig config_;
  const KvCache& kv_;
  CachedAttention attention_;
  std::vector<float> x_, h_, qkv_, mixed_, gate_up_, act_, thin_, logits_;
  std::vector<uint8_t> codes_;  // 8-bit rows of the product under way
  std::vector<float> row_scales_;
};

}  // namespace charter::model
