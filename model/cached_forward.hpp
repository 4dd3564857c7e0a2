// The step of model/step_forward.hpp by our kernels on packed weights. Used by one thread, which it
// shares the work of with LibTorch's pool (at::get_num_threads() members).
#pragma once
#include <cstdint>
#include <vector>

#include "model/kv_cache.hpp"
#include "model/packed_product.hpp"
#include "model/rope.hpp"
#include "model/step_forward.hpp"

namespace charter::model {

class CachedForward : public StepForward {
 public:
  // positions: those of a step are below it.
  CachedForward(const ModelConfig& config, const KvCache& kv, int64_t positions);

  void run(const PackedModel::Impl& model, const StepBatch& batch, const LogitSink& sink) override;

 private:
  struct Pass;  // one member's view of a running step

  ModelConfig config_;
  const KvCache& kv_;
  RopeTable rope_;
  CachedAttention attention_;
  std::vector<float> x_, h_, qkv_, mixed_, gate_up_, act_, wanted_, logits_;
  PackedProduct product_;
};

}  // namespace charter::model
