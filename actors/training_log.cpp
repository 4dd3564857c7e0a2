#include "actors/training_log.hpp"

#include <chrono>

namespace charter::actors {
namespace {

// Versions share the tag space of work ids in WorkClient, which are positive.
int64_t tag(int64_t version) { return -version; }

}  // namespace

TrainingLog::TrainingLog(std::string model, WorkClient* work, store::CheckpointStore checkpoints,
                         int64_t lineage, int64_t every)
    : model_(std::move(model)),
      work_(work),
      checkpoints_(std::move(checkpoints)),
      lineage_(lineage),
      every_(every) {}

void TrainingLog::trained(int64_t version, std::vector<int64_t> work_ids, std::string stats,
                          std::function<void()> release) {
  waiting_[version] = std::move(release);
  work_->record(Trained{.model = model_,
                        .version = version,
                        .work_ids = std::move(work_ids),
                        .stats = std::move(stats)},
                tag(version));
}

void TrainingLog::committed(const std::vector<int64_t>& ids) {
  for (int64_t id : ids) {
    auto it = waiting_.find(-id);
    if (id >= 0 || it == waiting_.end()) continue;
    const auto release = std::move(it->second);
    waiting_.erase(it);
    release();
  }
}

void TrainingLog::checkpoint(int64_t version,
                             const std::function<void(const std::filesystem::path&)>& save,
                             const metrics::CheckpointMetrics& metrics) {
  const auto start = std::chrono::steady_clock::now();
  checkpoints_->commit({.lineage = lineage_, .version = version}, save,
                       {{"model", model_}, {"version", version}});
  checkpointed_ = version;
  metrics.duration_seconds.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  metrics.last_success_timestamp_seconds.SetToCurrentTime();
}

std::filesystem::path TrainingLog::restore() {
  const auto latest = checkpoints_->latest();
  if (!latest.checkpoint) return {};
  checkpointed_ = latest.checkpoint->at.version;
  return latest.checkpoint->path;
}

}  // namespace charter::actors
