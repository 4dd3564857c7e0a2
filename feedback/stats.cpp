#include "feedback/stats.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "feedback/counter_rng.hpp"

namespace charter::feedback {

double normal_quantile(double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument("confidence = " + std::to_string(confidence) +
                                ", expected a value in (0, 1)");
  }
  // erf(z / sqrt 2) rises from 0 to 1 and has no simple inverse: halving is exact enough and short.
  double low = 0, high = 40;
  for (int step = 0; step < 80; ++step) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < confidence ? low : high) = middle;
  }
  return (low + high) / 2;
}

Interval percentile_interval(double value, std::vector<double> resampled, double confidence) {
  if (resampled.empty()) return {value, value, value};
  std::sort(resampled.begin(), resampled.end());
  const auto quantile = [&resampled](double q) {
    const double place = q * static_cast<double>(resampled.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, resampled.size() - 1);
    const double part = place - static_cast<double>(below);
    return resampled[below] * (1 - part) + resampled[above] * part;
  };
  return {value, quantile((1 - confidence) / 2), quantile((1 + confidence) / 2)};
}

std::size_t IndexStream::next(std::size_t n) { return draw_index({seed_, 0, count_++}, n); }

}  // namespace charter::feedback
