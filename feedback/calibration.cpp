#include "feedback/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "feedback/stats.hpp"

namespace charter::feedback {
namespace {

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

void check_lengths(const char* a, std::size_t n, const char* b, std::size_t m) {
  if (n != m) {
    throw std::invalid_argument(std::string(a) + ": " + std::to_string(n) + " values, " + b + ": " +
                                std::to_string(m) + ", expected as many");
  }
}

double accuracy_of(double p, bool first) {
  if (p == 0.5) return 0.5;
  return (p > 0.5) == first ? 1 : 0;
}

}  // namespace

Interval wilson_interval(double successes, std::int64_t n, double confidence) {
  if (n < 0 || successes < 0 || successes > static_cast<double>(n)) {
    throw std::invalid_argument("wilson_interval: " + std::to_string(successes) + " of " +
                                std::to_string(n) + ", expected 0 <= successes <= n");
  }
  if (n == 0) return {0, 0, 1};
  const double z = normal_quantile(confidence);
  const double count = static_cast<double>(n);
  const double p = successes / count;
  const double shrink = 1 + z * z / count;
  const double center = (p + z * z / (2 * count)) / shrink;
  const double half = z / shrink * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  return {p, std::max(0.0, center - half), std::min(1.0, center + half)};
}

CalibrationReport calibrate(std::span<const double> p_first,
                            const std::vector<bool>& first_better) {
  check_lengths("p_first", p_first.size(), "first_better", first_better.size());
  CalibrationReport out;
  out.n = static_cast<std::int64_t>(p_first.size());
  double right = 0;
  for (std::size_t k = 0; k < p_first.size(); ++k) {
    const double p = p_first[k];
    const double label = first_better[k] ? 1 : 0;
    out.mean_entropy += binary_entropy(p);  // also checks the range
    right += accuracy_of(p, first_better[k]);
    out.brier += (p - label) * (p - label);
    ReliabilityBin& bin = out.bins[std::min<std::size_t>(static_cast<std::size_t>(p * 10), 9)];
    ++bin.count;
    bin.mean_p += p;
    bin.fraction += label;
  }
  out.accuracy = wilson_interval(right, out.n);
  if (out.n == 0) return out;
  const double n = static_cast<double>(out.n);
  out.brier /= n;
  out.mean_entropy /= n;
  for (ReliabilityBin& bin : out.bins) {
    if (bin.count == 0) continue;
    bin.mean_p /= static_cast<double>(bin.count);
    bin.fraction /= static_cast<double>(bin.count);
    out.ece += static_cast<double>(bin.count) / n * std::abs(bin.mean_p - bin.fraction);
  }
  return out;
}

CalibrationReport calibrate(std::span<const Preference> preferences,
                            const std::vector<bool>& first_better) {
  std::vector<double> p_first;
  std::int64_t measured = 0, flips = 0;
  for (const Preference& preference : preferences) {
    p_first.push_back(preference.p_first);
    if (!preference.flip) continue;
    ++measured;
    flips += *preference.flip ? 1 : 0;
  }
  CalibrationReport out = calibrate(p_first, first_better);
  out.flips_measured = measured;
  if (measured > 0) {
    out.flip_rate = static_cast<double>(flips) / static_cast<double>(measured);
  }
  return out;
}

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kImproved:
      return "improved";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kUndecided:
      break;
  }
  return "undecided";
}

Interval bootstrap_mean(std::span<const double> values, const BootstrapOptions& options) {
  if (values.empty()) return {};
  IndexStream stream(options.seed);
  std::vector<double> means;
  for (int r = 0; r < options.resamples; ++r) {
    double sum = 0;
    for (std::size_t k = 0; k < values.size(); ++k) sum += values[stream.next(values.size())];
    means.push_back(sum / static_cast<double>(values.size()));
  }
  return percentile_interval(mean(values), std::move(means), options.confidence);
}

DifferenceReport paired_difference(std::span<const double> before, std::span<const double> after,
                                   const BootstrapOptions& options) {
  check_lengths("before", before.size(), "after", after.size());
  std::vector<double> differences;
  for (std::size_t k = 0; k < before.size(); ++k) differences.push_back(after[k] - before[k]);
  DifferenceReport out;
  out.difference = bootstrap_mean(differences, options);
  // One pair resamples to itself: its interval would be a point, and anything would be proven.
  if (differences.size() < 2) return out;
  const bool above = out.difference.low > 0;
  const bool below = out.difference.high < 0;
  if (above || below) {
    out.verdict = above == options.higher_is_better ? Verdict::kImproved : Verdict::kWorse;
  }
  return out;
}

}  // namespace charter::feedback
