// What a run will take before it starts: seconds, memory and disk of each stage, from token counts,
// the model's FLOPs a token and the machine's measured matrix-product rate. An estimate: answers
// are taken at their longest, prompts at a typical length, and each kind of work at the share of
// the rate below.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace charter::config {

// The sizes of a Llama-family model that decide its cost; names as in model::ModelConfig.
struct ModelSizes {
  int64_t vocab = 49152, hidden = 576, intermediate = 1536, layers = 30;
  int64_t heads = 9, kv_heads = 3, head_dim = 64;
  bool tied = true;
};

[[nodiscard]] int64_t parameters(const ModelSizes& m);
// GFLOP of one token through the layers, two a weight, without the head and without attention
// scores: 0.212 for the default model.
[[nodiscard]] double layer_gflop(const ModelSizes& m);
[[nodiscard]] double head_gflop(const ModelSizes& m);  // 0.0566 for the default model
// GFLOP of one token's attention over `context` keys, scores and values.
[[nodiscard]] double attention_gflop(const ModelSizes& m, double context);

// Tokens of one stage by the kind of work.
struct TokenCounts {
  int64_t prefill = 0;   // prompt tokens computed for generation
  int64_t decode = 0;    // tokens sampled
  int64_t forward = 0;   // tokens scored by the judge, the PM or the reference
  int64_t train = 0;     // tokens forward and backward, times passes
  double context = 128;  // keys a token attends to, on average
};

// Published versions of a model that are kept for those who read them.
inline constexpr int64_t kSnapshotsKept = 4;
// Bytes that the published versions of rl take at most: of the policy, and of the PM while it is
// online, those that are kept, one that is being written and one that is told before the oldest
// goes.
[[nodiscard]] int64_t snapshot_bytes(const RunConfig& config, const ModelSizes& model);

struct StagePlan {
  std::string stage;  // sl_generate, sl_train, label, pm_train, firewall, rl, eval, report
  TokenCounts tokens;
  double gflop = 0;
  double seconds = 0;
  int64_t memory_bytes = 0;  // peak over all processes, as PSS
  int64_t disk_bytes = 0;    // left in the run directory by this stage
};

// gflops: large float32 matrix product, all compute slots together, GFLOP/s. Throws
// std::invalid_argument when it is not positive.
[[nodiscard]] std::vector<StagePlan> plan(const RunConfig& config, const ModelSizes& model,
                                          double gflops);

}  // namespace charter::config
