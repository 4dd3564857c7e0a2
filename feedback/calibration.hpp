// How good predicted preferences are against labels, and whether one judge or model is better than
// another. Intervals: Wilson 1927 for a proportion, the percentile bootstrap otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "feedback/preference.hpp"

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
  Interval accuracy;  // p = 0.5 counts half
  double brier = 0;   // mean (p - label)^2
  double ece = 0;     // sum over bins of count / n * |mean_p - fraction|
  double mean_entropy = 0;
  std::array<ReliabilityBin, 10> bins{};  // [0, 0.1), ..., [0.9, 1]
  std::optional<double> flip_rate;        // of the labels that measure one
  std::int64_t flips_measured = 0;
};

// p_first[k]: predicted; first_better[k]: label. Throws std::invalid_argument on unequal lengths or
// a probability outside [0, 1].
[[nodiscard]] CalibrationReport calibrate(std::span<const double> p_first,
                                          const std::vector<bool>& first_better);
// The same with the flip rate of the judge's labels.
[[nodiscard]] CalibrationReport calibrate(std::span<const Preference> preferences,
                                          const std::vector<bool>& first_better);

enum class Verdict { kImproved, kWorse, kUndecided };
[[nodiscard]] std::string_view name(Verdict verdict);  // "improved", "worse", "undecided"

struct DifferenceReport {
  Interval difference;                    // mean(after - before), paired
  Verdict verdict = Verdict::kUndecided;  // anything else only if the interval excludes 0
};

struct BootstrapOptions {
  int resamples = 2000;
  std::uint64_t seed = 0;
  double confidence = 0.95;
  bool higher_is_better = true;
};

// Interval of a mean. An empty span gives zeros.
[[nodiscard]] Interval bootstrap_mean(std::span<const double> values,
                                      const BootstrapOptions& options = {});

// before[k] and after[k] are measured on the same item. Throws std::invalid_argument on unequal
// lengths. Fewer than 2 pairs are undecided.
[[nodiscard]] DifferenceReport paired_difference(std::span<const double> before,
                                                 std::span<const double> after,
                                                 const BootstrapOptions& options = {});

}  // namespace charter::feedback
