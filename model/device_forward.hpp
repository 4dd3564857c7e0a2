// The step of model/step_forward.hpp as torch operators, on the device the model's tensors are on.
// Its keys and values are tensors of a KvCache made for that device; logits come back to the host,
// where tokens are chosen as on the CPU.
#pragma once
#include "model/kv_cache.hpp"
#include "model/step_forward.hpp"

namespace charter::model {

class DeviceForward : public StepForward {
 public:
  explicit DeviceForward(const KvCache& kv) : kv_(kv) {}
  void run(const PackedModel::Impl& model, const StepBatch& batch, const LogitSink& sink) override;

 private:
  struct Pass;
  const KvCache& kv_;
};

}  // namespace charter::model
