// The step of model/step_forward.hpp as torch operators, on the device the model's tensors are on.
// Its keys and values are tensors of a KvCache made for that device; logits come back to the host,
// where tokens are chosen as on the CPU.
#pragma once
#include "model/kv_cache.hpp"
#include "model/rope.hpp"
#include "model/step_forward.hpp"

namespace charter::model {

class DeviceForward : public StepForward {
 public:
  // positions: those of a step are below it.
  DeviceForward(const DeviceModel& model, const KvCache& kv, int64_t positions)
      : kv_(kv),
        rope_(rope_table(model.transformer.config, positions,
                         model.transformer.embedding.device())) {}
  void run(const PackedModel::Impl& model, const StepBatch& batch, const LogitSink& sink) override;

 private:
  struct Pass;
  const KvCache& kv_;
  RopeTable rope_;
};

}  // namespace charter::model
