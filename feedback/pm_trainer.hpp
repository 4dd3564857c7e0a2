// Trains a preference model on soft labels: loss = -p log s(d) - (1 - p) log s(-d), d the
// difference of the two scores (Bai et al. 2022, arXiv:2212.08073, section 4.1, "normalized
// probabilities as targets"). One batch is one optimizer step and one version; the denominator is
// the batch's summed weight, so that the split into micro-batches changes nothing.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "feedback/preference_model.hpp"
#include "model/optimizer.hpp"
#include "model/snapshot.hpp"

namespace charter::feedback {

struct PreferencePair {
  int64_t work_id = 0;
  std::vector<int32_t> first, second;  // whole conversations, end-of-context token included
  double p_first = 0.5;  // soft target in [0, 1]: probability that first is the better
  double weight = 1.0;   // > 0
  std::string source;    // "human", "ai", "authored" or "pmp"
};

struct PmOptions {
  int64_t micro_batch_tokens =
      1024;                    // tokens a forward/backward computes at once; a pair stays whole
  double max_grad_norm = 1.0;  // <= 0: no limit
  bool gradient_checkpointing = false;
};

struct PmStats {
  int64_t version = 0;  // after this batch
  int64_t pairs = 0;
  int64_t tokens = 0;
  double loss = 0.0;  // nats a pair, by weight
  // Of pairs with p_first != 0.5: score order against the likelier side, and the likelier side's
  // score less the other's. NaN where there is no such pair.
  double accuracy = 0.0;
  double margin_mean = 0.0;
  double label_entropy = 0.0;  // nats a pair: the least loss these labels allow
  double grad_norm = 0.0;      // before clipping
  double learning_rate = 0.0;
};

// Used by one actor, not thread-safe.
class PmTrainer {
 public:
  // The transformer carries trainable adapters, or weights that require gradients.
  PmTrainer(PreferenceModel pm, PmOptions options, model::AdamWOptions optimizer);
  ~PmTrainer();
  PmTrainer(PmTrainer&&) noexcept;
  PmTrainer& operator=(PmTrainer&&) noexcept;

  // Throws std::invalid_argument when a batch is under way or empty, or a pair is out of range (the
  // message names its work_id).
  void begin(std::vector<PreferencePair> batch);
  // Computes one micro-batch; after the last one also the optimizer step, and returns true. Throws
  // std::runtime_error naming the work_id of a score that is not finite.
  bool advance();
  [[nodiscard]] bool busy() const;
  [[nodiscard]] const PmStats& stats() const;
  [[nodiscard]] int64_t version() const;

  // Adapters or weights, and the head. Metadata: what with_snapshot needs, and the caller's
  // affine map.
  [[nodiscard]] model::Snapshot snapshot(int64_t lineage, const AffineMap& map = {}) const;
  [[nodiscard]] const PreferenceModel& preference_model() const;

  // Everything needed to go on bit for bit. save() throws std::invalid_argument while a batch is
  // under way; restore() abandons one.
  void save(const std::filesystem::path& directory) const;
  void restore(const std::filesystem::path& directory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charter::feedback
