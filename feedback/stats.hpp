// Small statistics shared by calibration, elo and firewall; internal to the folder.
#pragma once

#include <cstdint>
#include <vector>

#include "feedback/calibration.hpp"

namespace charter::feedback {

// Two-sided standard normal quantile: 1.96 for 0.95. Throws std::invalid_argument outside (0, 1).
[[nodiscard]] double normal_quantile(double confidence);

// Percentile interval of bootstrap values around `value`, linear between order statistics.
[[nodiscard]] Interval percentile_interval(double value, std::vector<double> resampled,
                                           double confidence);

// A stream of uniform indices: splitmix64 over a counter.
class IndexStream {
 public:
  explicit IndexStream(std::uint64_t seed) : seed_(seed) {}
  [[nodiscard]] std::size_t next(std::size_t n);

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

}  // namespace charter::feedback
