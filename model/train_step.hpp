// Supervised fine-tuning on token sequences, one micro-batch at a time, and the micro-batch plan
// that all trainers share. The loss is the mean negative log-likelihood over all loss tokens of the
// batch, weighted by example: one denominator, so that the split into micro-batches changes
// nothing.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "model/optimizer.hpp"
#include "model/snapshot.hpp"
#include "model/transformer.hpp"

namespace charter::model {

// Consecutive items in groups whose lengths add up to at most `budget` tokens; an item longer than
// the budget is a group of its own. Returns the groups' ends: group i is [ends[i - 1], ends[i]).
[[nodiscard]] std::vector<size_t> plan_micro_batches(std::span<const int64_t> lengths,
                                                     int64_t budget);

struct SftExample {
  std::vector<int32_t> tokens;  // >= 2, at most the model's longest_text
  int64_t loss_from = 1;        // index of the first token that is learnt, in [1, tokens)
  double weight = 1.0;          // > 0, of each of its loss tokens
};

struct SftOptions {
  int64_t micro_batch_tokens = 1024;    // tokens a forward/backward computes at once
  double max_grad_norm = 1.0;           // <= 0: no limit
  bool gradient_checkpointing = false;  // less memory, a third more time
};

struct SftStats {
  int64_t version = 0;  // after this batch
  int64_t examples = 0;
  int64_t tokens = 0;       // of the examples
  int64_t loss_tokens = 0;  // tokens learnt
  double loss = 0.0;        // nats a token
  double grad_norm = 0.0;   // before clipping
  double learning_rate = 0.0;
};

// One batch is one optimizer step and one version. Used by one actor, not thread-safe.
class SftTrainer {
 public:
  // `policy` carries trainable adapters, or weights that require gradients.
  SftTrainer(Transformer policy, SftOptions options, AdamWOptions optimizer);
  ~SftTrainer();
  SftTrainer(SftTrainer&&) noexcept;
  SftTrainer& operator=(SftTrainer&&) noexcept;

  // Throws std::invalid_argument when a batch is under way or empty, or an example is out of range.
  void begin(std::vector<SftExample> batch);
  // Computes one micro-batch; after the last one also the optimizer step, and returns true: stats()
  // is complete and version() has risen by one. Throws std::runtime_error on a non-finite loss.
  bool advance();
  [[nodiscard]] bool busy() const;
  [[nodiscard]] const SftStats& stats() const;
  [[nodiscard]] int64_t version() const;

  [[nodiscard]] Snapshot snapshot(int64_t lineage) const;
  [[nodiscard]] const Transformer& policy() const;

  // Everything needed to go on bit for bit. save() throws std::invalid_argument while a batch is
  // under way; restore() abandons one.
  void save(const std::filesystem::path& directory) const;
  void restore(const std::filesystem::path& directory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charter::model
