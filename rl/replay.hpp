// The bounded store between reward and learner. Pure; used by one actor, not thread-safe.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "rl/staleness.hpp"
#include "rl/trajectory.hpp"

namespace charter::rl {

struct ReplayOptions {
  int64_t capacity = 1024;    // trajectories; >= 1
  int64_t max_staleness = 0;  // versions
};

enum class InsertResult {
  kInserted,
  kFull,       // keep it and try again: nothing in the store was displaced
  kDefective,  // defect() says why
  kDuplicate,  // (lineage, work_id) is in the store already
};

struct Dropped {
  int64_t work_id = 0;
  Admission reason = Admission::kStale;  // kStale, kFuture or kOtherLineage
};

struct ReplayBatch {
  // Distinct, in order of arrival; no longer in the store. Empty when fewer than asked are there.
  std::vector<ScoredTrajectory> trajectories;
  std::vector<Dropped> dropped;  // entries thrown away now, whether or not a batch was made
};

class ReplayBuffer {
 public:
  // Throws std::invalid_argument on options out of range.
  explicit ReplayBuffer(ReplayOptions options);

  [[nodiscard]] InsertResult insert(ScoredTrajectory scored);

  // Drops what training at (lineage, version) may not use, then takes exactly `n` trajectories, or
  // none. Throws std::invalid_argument when n < 1 or n > capacity: that batch could never come.
  [[nodiscard]] ReplayBatch sample(int64_t n, int64_t lineage, int64_t version);

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(entries_.size()); }

 private:
  struct Entry {
    ScoredTrajectory scored;
    int64_t oldest_version = 0;
  };

  ReplayOptions options_;
  std::deque<Entry> entries_;  // in order of arrival
};

}  // namespace charter::rl
