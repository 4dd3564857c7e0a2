// Shows the memory of the packings that a process's engines share. One meter for all of them: a
// packing is counted once, whoever serves it, until the last engine has left it.
#pragma once
#include <prometheus/gauge.h>

#include <memory>
#include <utility>
#include <vector>

#include "actors/phase_models.hpp"
#include "metrics/sampling_metrics.hpp"

namespace charter::actors {

class PackedMeter {
 public:
  PackedMeter() = default;
  // Holds none of `models`.
  PackedMeter(metrics::Maker& make, const PackedModels& models) {
    for (const auto& [model, packed] : models)
      shown_.emplace_back(&metrics::packed_weight_bytes(make, model), packed);
  }

  void show() const {
    for (const auto& [gauge, packed] : shown_) {
      const auto held = packed.lock();
      gauge->Set(held ? static_cast<double>(held->packed_bytes()) : 0);
    }
  }
  // The engines end with the process's roles.
  void ended() const {
    for (const auto& [gauge, packed] : shown_) gauge->Set(0);
  }

 private:
  std::vector<std::pair<prometheus::Gauge*, std::weak_ptr<const model::PackedModel>>> shown_;
};

}  // namespace charter::actors
