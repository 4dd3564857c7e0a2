// How good predicted preferences are against labels. Intervals: Wilson 1927.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace charter::feedback {

struct Interval {
  double value = 0;
  double low = 0;
  double high = 0;
};

// successes may be fractional (a tie counts 1/2). n = 0 gives {0, 0, 1}.
[[nodiscard]] Interval wilson_interval(double successes, std::int64_t n, double confidence = 0.95);

struct ReliabilityBin {
  std::int64_t count = 0;
  double mean_p = 0;    // 0 if the bin is empty
  double fraction = 0;  // of pairs whose first response is the better one
};

struct CalibrationReport {
  std::int64_t n = 0;
  Interval accuracy;                      // p = 0.5 counts half
  double brier = 0;                       // mean (p - label)^2
  double ece = 0;                         // sum over bins of count / n * |mean_p - fraction|
  std::array<ReliabilityBin, 10> bins{};  // [0, 0.1), ..., [0.9, 1]
};

// p_first[k]: predicted; first_better[k]: label. Throws std::invalid_argument on unequal lengths or
// a probability outside [0, 1].
[[nodiscard]] CalibrationReport calibrate(std::span<const double> p_first,
                                          const std::vector<bool>& first_better);

}  // namespace charter::feedback
