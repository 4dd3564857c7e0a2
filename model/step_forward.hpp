// One step of generation: any mix of prompt tokens and decoding tokens of many sequences, each
// token one row. Two passes do it: model/cached_forward.hpp on the CPU, model/device_forward.hpp on
// any other device.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "model/cached_attention.hpp"
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

// Called once for each logit row, by any thread of the pass, with [V] logits that are valid during
// the call.
using LogitSink = std::function<void(int64_t index, float* logits)>;

class StepForward {
 public:
  virtual ~StepForward() = default;
  // Writes the rows' keys and values into the cache the pass was made with and hands the chosen
  // rows' logits to `sink`.
  virtual void run(const PackedModel::Impl& model, const StepBatch& batch,
                   const LogitSink& sink) = 0;
};

}  // namespace charter::model
