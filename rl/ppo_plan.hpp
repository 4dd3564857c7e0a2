// In which order and in which groups PPO computes a batch.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "model/model_config.hpp"
#include "rl/ppo_trainer.hpp"
#include "rl/trajectory.hpp"

namespace charter::rl {

// Rows of the batch computed together; `last` of its minibatch, after which the optimizer steps.
struct MicroBatch {
  std::vector<int64_t> rows;
  int64_t minibatch_tokens = 0;  // response tokens of the whole minibatch: the loss's denominator
  bool last = false;
};

// Every trajectory once, shuffled by (seed, version, pass), split into options.minibatches parts of
// equal size (never more than there are trajectories), each cut by micro_batch_tokens.
[[nodiscard]] std::vector<MicroBatch> plan_pass(std::span<const ScoredTrajectory> trajectories,
                                                const PpoOptions& options, int64_t version,
                                                int64_t pass);

// Throws std::invalid_argument naming the work_id of a trajectory that is defective or does not fit
// the model.
void check_trainable(const ScoredTrajectory& scored, const model::ModelConfig& config);

}  // namespace charter::rl
