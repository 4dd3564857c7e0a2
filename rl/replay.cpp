#include "rl/replay.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace charter::rl {
namespace {

void check_at_least_one(const char* name, int64_t got) {
  if (got >= 1) return;
  throw std::invalid_argument(std::string(name) + ": " + std::to_string(got) + ", expected >= 1");
}

}  // namespace

ReplayBuffer::ReplayBuffer(ReplayOptions options) : options_(options) {
  check_at_least_one("capacity", options.capacity);
  if (options.max_staleness < 0) {
    throw std::invalid_argument("max_staleness: " + std::to_string(options.max_staleness) +
                                ", expected >= 0");
  }
}

InsertResult ReplayBuffer::insert(ScoredTrajectory scored) {
  if (!defect(scored).empty()) return InsertResult::kDefective;
  const auto same = [&scored](const Entry& entry) {
    return entry.scored.trajectory.work_id == scored.trajectory.work_id &&
           entry.scored.trajectory.lineage == scored.trajectory.lineage;
  };
  if (std::any_of(entries_.begin(), entries_.end(), same)) return InsertResult::kDuplicate;
  if (size() >= options_.capacity) return InsertResult::kFull;
  const int64_t oldest = rl::oldest_version(scored.trajectory);
  entries_.push_back({.scored = std::move(scored), .oldest_version = oldest});
  return InsertResult::kInserted;
}

ReplayBatch ReplayBuffer::sample(int64_t n, int64_t lineage, int64_t version) {
  check_at_least_one("n", n);
  if (n > options_.capacity) {
    throw std::invalid_argument("n: " + std::to_string(n) + ", expected <= capacity " +
                                std::to_string(options_.capacity));
  }
  ReplayBatch batch;
  std::erase_if(entries_, [&](const Entry& entry) {
    const Admission verdict = admit(entry.scored.trajectory.lineage, entry.oldest_version, lineage,
                                    version, options_.max_staleness);
    if (verdict == Admission::kAdmit) return false;
    batch.dropped.push_back({.work_id = entry.scored.trajectory.work_id, .reason = verdict});
    return true;
  });
  if (size() < n) return batch;
  for (int64_t i = 0; i < n; ++i) {
    batch.trajectories.push_back(std::move(entries_.front().scored));
    entries_.pop_front();
  }
  return batch;
}

}  // namespace charter::rl
