// PPO on scored trajectories (Schulman et al. 2017, arXiv:1707.06347), decoupled for stale data
// (Hilton et al. 2021, arXiv:2110.00641): the proximal policy is recomputed when a batch begins,
// behaviour log-probs enter only the truncated importance weight. The trainer owns policy, value
// head and optimizer and is driven one micro-batch at a time.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "model/optimizer.hpp"
#include "model/snapshot.hpp"
#include "model/transformer.hpp"
#include "model/value_head.hpp"
#include "rl/trajectory.hpp"

namespace charter::rl {

struct PpoOptions {
  int32_t epochs = 1;       // passes over one batch (K in the paper: 1, 2 or 4)
  int32_t minibatches = 1;  // optimizer steps a pass
  int64_t micro_batch_tokens =
      1024;              // tokens a forward/backward computes at once; no effect on the result
  double gamma = 1.0;    // discount per token
  double lambda = 0.95;  // GAE
  double clip_epsilon = 0.2;
  double value_clip_epsilon = 0.2;
  double value_coef = 0.1;
  double entropy_coef = 0.0;
  double kl_coef = 0.001;         // beta of the KL term in the reward, per token, k1 estimator
  double importance_cap = 2.0;    // truncation of prox / behaviour
  bool whiten_advantages = true;  // over all valid tokens of the batch
  double max_grad_norm = 1.0;
  double missing_eos_penalty =
      0.0;  // subtracted from the score of a response cut by the length limit
  bool gradient_checkpointing = false;  // less memory, a third more time
  uint64_t seed = 0;                    // of the order in which trajectories form minibatches
};

// Means over valid response tokens unless the name says otherwise. What belongs to the batch
// (reward, KL, entropy, advantages before whitening, values) is of the weights it began with;
// losses, ratios and approx_kl are means over all passes; grad_norm (before clipping) and
// learning_rate are of the last optimizer step.
struct PpoStats {
  int64_t version = 0;  // after this batch
  int64_t samples = 0, tokens = 0;
  double reward_mean = 0, reward_std = 0;  // sequence scores; std of one is NaN
  double rlhf_reward_mean = 0;             // score - beta * KL, a sequence
  double kl_k1 = 0, kl_k3 = 0;  // proximal to reference: per-sequence sums, averaged over sequences
  double policy_loss = 0, value_loss = 0, entropy = 0;
  double approx_kl = 0, clip_ratio = 0, value_clip_ratio = 0;
  double explained_variance = 0;  // NaN where the returns do not vary
  double grad_norm = 0, learning_rate = 0, advantage_mean = 0, advantage_std = 0, value_mean = 0;
  double importance_mean = 0, importance_clip_ratio = 0, importance_ess_ratio = 0;
  double mismatch_kl =
      0;  // mean(r - log r - 1) with r = prox / behaviour, over tokens of staleness 0
  double logprob_abs_diff_max = 0;  // |prox - behaviour| over tokens of staleness 0
  double staleness_mean = 0, staleness_max = 0, response_tokens_mean = 0, finished_ratio = 0;
  double ref_match_max = 0;  // |prox - reference| maximum: 0 before the first step
};

class PpoTrainer {
 public:
  // `policy` carries trainable adapters (or weights that require gradients). The value head reads
  // the policy's final hidden state, detached from nothing: one trunk.
  PpoTrainer(model::Transformer policy, model::ValueHead value_head, PpoOptions options,
             model::AdamWOptions optimizer);
  ~PpoTrainer();
  PpoTrainer(PpoTrainer&&) noexcept;
  PpoTrainer& operator=(PpoTrainer&&) noexcept;

  // Starts training on one batch. Throws std::invalid_argument when a batch is under way, is empty,
  // or a trajectory is defective.
  void begin(std::vector<ScoredTrajectory> batch);
  // Computes one micro-batch, after a minibatch's last one also the optimizer step. Returns true
  // when the batch is done; then stats() is complete and version() has risen by one. Throws
  // std::runtime_error naming the work_id whose log-probs, values or loss are not finite; the
  // trainer is then of no further use but for restore().
  bool advance();
  [[nodiscard]] bool busy() const;
  [[nodiscard]] const PpoStats& stats() const;
  [[nodiscard]] int64_t version() const;

  [[nodiscard]] model::Snapshot snapshot(
      int64_t lineage) const;  // what rollout workers need: adapters or weights
  [[nodiscard]] const model::Transformer& policy() const;

  // Everything needed to go on bit for bit: trainable tensors, value head, optimizer moments and
  // step, version. (The shuffle is a function of seed, version and pass.) save() throws
  // std::invalid_argument while a batch is under way; restore() abandons one, and leaves the
  // trainer as it was when the files are bad.
  void save(const std::filesystem::path& directory) const;
  void restore(const std::filesystem::path& directory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charter::rl
