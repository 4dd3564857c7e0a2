#include "feedback/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "feedback/stats.hpp"

namespace charter::feedback {
namespace {

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
    if (!(p >= 0 && p <= 1)) {
      throw std::invalid_argument("p_first: " + std::to_string(p) + ", expected [0, 1]");
    }
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
  for (ReliabilityBin& bin : out.bins) {
    if (bin.count == 0) continue;
    bin.mean_p /= static_cast<double>(bin.count);
    bin.fraction /= static_cast<double>(bin.count);
    out.ece += static_cast<double>(bin.count) / n * std::abs(bin.mean_p - bin.fraction);
  }
  return out;
}

}  // namespace charter::feedback
