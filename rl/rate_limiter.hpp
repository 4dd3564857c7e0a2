// Keeps samples taken and items inserted in proportion (the rate limiter of Reverb: Cassirer et al.
// 2021, arXiv:2102.04736, section 3.4). Pure; used by one actor, not thread-safe.
#pragma once
#include <cstdint>

namespace charter::rl {

struct RateLimiterOptions {
  double samples_per_insert = 1.0;  // > 0
  int64_t min_size_to_sample = 1;   // items that must be there before the first sample; >= 1
  // Bounds of inserts * samples_per_insert - samples. Wide apart: producers and trainer run at
  // their own pace; min_diff = max_diff would lock them in step. max_diff - min_diff must be at
  // least 2 * max(1, samples_per_insert), else neither side might be allowed to go on.
  double min_diff = -1e9;
  double max_diff = 1e9;
};

class RateLimiter {
 public:
  // Throws std::invalid_argument on options under which both sides could wait for each other.
  explicit RateLimiter(RateLimiterOptions options);

  [[nodiscard]] bool can_insert(int64_t n = 1) const;
  [[nodiscard]] bool can_sample(int64_t n = 1) const;
  void insert(int64_t n = 1) { inserts_ += n; }
  void sample(int64_t n = 1) { samples_ += n; }
  // Items that left the store, trained or dropped.
  void remove(int64_t n = 1) { deletes_ += n; }

  [[nodiscard]] int64_t inserts() const { return inserts_; }
  [[nodiscard]] int64_t samples() const { return samples_; }
  [[nodiscard]] int64_t size() const { return inserts_ - deletes_; }

 private:
  RateLimiterOptions options_;
  int64_t inserts_ = 0;
  int64_t samples_ = 0;
  int64_t deletes_ = 0;
};

}  // namespace charter::rl
