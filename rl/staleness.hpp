// How far behind training a trajectory may be, enforced before generation and again when a batch is
// taken. The admission rule is AReaL's capacity rule (Fu et al. 2025, arXiv:2505.24298,
// section 5.1). Versions count batches consumed. Pure; used by one actor, not thread-safe.
#pragma once
#include <cstdint>

namespace charter::rl {

enum class Admission {
  kAdmit,
  kWait,    // generation would run ahead of training: ask again when the version has risen
  kStale,   // older than max_staleness allows
  kFuture,  // made by a version that training has not reached (it was restored to an older one)
  kOtherLineage,  // made before a restore: versions cannot be compared
};

[[nodiscard]] const char* name(Admission admission);  // "admit", "wait", "stale", ...

// Verdict on a finished trajectory whose oldest token was sampled at (lineage, version), when
// training is at (current_lineage, current_version). Never kWait.
[[nodiscard]] Admission admit(int64_t lineage, int64_t version, int64_t current_lineage,
                              int64_t current_version, int64_t max_staleness);

struct StalenessOptions {
  int64_t batch_size = 1;     // B, trajectories a version; >= 1
  int64_t max_staleness = 0;  // eta, versions; 0 is synchronous
};

// Counts trajectories: in flight (being generated), buffered (waiting to be trained), consumed
// (taken into batches, a repetition counts each time). Invariants:
// 1. reserve() admits only while in_flight + buffered + consumed < (eta + version + 1) * B.
// 2. Every reservation ends in exactly one of commit() and rollback(); every commit in exactly one
//    released or dropped entry.
class StalenessGate {
 public:
  // Throws std::invalid_argument on options out of range.
  explicit StalenessGate(StalenessOptions options);

  // Takes a slot for one generation (kAdmit), or says kWait.
  [[nodiscard]] Admission reserve();
  // The generation arrived in the buffer.
  void commit();
  // The generation will never arrive: its worker died or its lease expired.
  void rollback();
  // The buffer threw away `n` entries: they return their slots.
  void drop(int64_t n);
  // A batch of `taken` trajectories was trained and `released` entries left the buffer for it
  // (fewer when entries are sampled more than once). The version rises by one.
  void consume(int64_t taken, int64_t released);
  // After a restore to `version`: consumed := version * B, the others recounted by the caller.
  void restore(int64_t version, int64_t in_flight, int64_t buffered);

  [[nodiscard]] int64_t capacity() const;  // slots reserve() would still give; can be negative
  // The oldest version that the generation reserved next may be sampled from: those ahead of it
  // fill the batches before its own, which is trained from version (in_flight + buffered +
  // consumed) / B at the earliest. Knowing the version is not having its weights: a worker that has
  // not applied them yet must wait, or its trajectory is dropped.
  [[nodiscard]] int64_t oldest_version() const;
  [[nodiscard]] int64_t version() const { return version_; }
  [[nodiscard]] int64_t in_flight() const { return in_flight_; }
  [[nodiscard]] int64_t buffered() const { return buffered_; }
  [[nodiscard]] int64_t consumed() const { return consumed_; }

 private:
  StalenessOptions options_;
  int64_t version_ = 0;
  int64_t in_flight_ = 0;
  int64_t buffered_ = 0;
  int64_t consumed_ = 0;
};

}  // namespace charter::rl
