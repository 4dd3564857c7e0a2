// The packed weights of an engine that follows the policy's versions.
#pragma once
#include <memory>

#include "model/engine.hpp"

namespace charter::actors {

// Where versions differ in adapters alone, all of them share the packing the engine began with.
// Otherwise a version has a packing of its own, made while the engine still serves the one before:
// two in memory at a change, one between changes; as many for each further engine of the process.
// The start weights are a version like the others: once no engine serves them, nothing holds them.
class PolicyWeights {
 public:
  PolicyWeights() = default;
  // start: what the engine serves before the first version.
  PolicyWeights(const std::shared_ptr<const model::PackedModel>& start, bool adapters,
                model::Precision precision)
      : shared_(adapters ? start : nullptr), precision_(precision) {}

  // The engine serves `policy` from its next step. Returns the bytes of the version's own packing,
  // 0 where it shares the start's.
  int64_t give(model::Engine& engine, const model::Transformer& policy,
               model::WeightVersion version) const {
    auto packed =
        shared_ ? shared_->with_adapters(policy) : model::PackedModel::make(policy, precision_);
    const int64_t own = shared_ ? 0 : packed->packed_bytes();
    engine.set_weights(std::move(packed), version);
    return own;
  }

 private:
  std::shared_ptr<const model::PackedModel> shared_;
  model::Precision precision_ = model::Precision::kFloat32;
};

}  // namespace charter::actors
