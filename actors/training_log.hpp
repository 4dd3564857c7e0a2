// The order in which a trainer makes its work durable: a version's ledger row first, then the
// leases and messages it was made of, then every few versions a checkpoint. So the ledger is never
// behind a checkpoint, and nothing is acknowledged before either of them can bring it back.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/work_client.hpp"
#include "metrics/metrics.hpp"
#include "store/checkpoint.hpp"

namespace charter::actors {

class TrainingLog {
 public:
  TrainingLog() = default;
  // model: as the ledger names it: sl, pmp, pm, policy. every: versions between checkpoints.
  TrainingLog(std::string model, WorkClient* work, store::CheckpointStore checkpoints,
              int64_t lineage, int64_t every);

  // A version is complete. release: called once its ledger row is committed.
  void trained(int64_t version, std::vector<int64_t> work_ids, std::string stats,
               std::function<void()> release);
  // Ids that WorkClient::handle returned.
  void committed(const std::vector<int64_t>& ids);

  // Every version told to the ledger is committed.
  [[nodiscard]] bool settled() const { return waiting_.empty(); }
  // A checkpoint of `version` is due (and allowed: settled).
  [[nodiscard]] bool due(int64_t version) const {
    return settled() && version - checkpointed_ >= every_;
  }
  // One is due but for the ledger's answer: no further batch is begun before it, or a busy trainer
  // would never be settled.
  [[nodiscard]] bool awaits_checkpoint(int64_t version) const {
    return !settled() && version - checkpointed_ >= every_;
  }
  // save: writes the trainer's state into the directory it is given.
  void checkpoint(int64_t version, const std::function<void(const std::filesystem::path&)>& save,
                  const metrics::CheckpointMetrics& metrics);
  [[nodiscard]] int64_t checkpointed() const { return checkpointed_; }

  // The newest sound checkpoint's directory, or empty when there is none; later versions count from
  // it.
  [[nodiscard]] std::filesystem::path restore();

 private:
  std::string model_;
  WorkClient* work_ = nullptr;
  std::optional<store::CheckpointStore> checkpoints_;
  int64_t lineage_ = 0, every_ = 1, checkpointed_ = 0;
  std::map<int64_t, std::function<void()>> waiting_;  // version -> release
};

}  // namespace charter::actors
