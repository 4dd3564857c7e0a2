#include "rl/rate_limiter.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace charter::rl {

RateLimiter::RateLimiter(RateLimiterOptions options) : options_(options) {
  if (!(options.samples_per_insert > 0)) {
    throw std::invalid_argument(
        "samples_per_insert: " + std::to_string(options.samples_per_insert) + ", expected > 0");
  }
  if (options.min_size_to_sample < 1) {
    throw std::invalid_argument(
        "min_size_to_sample: " + std::to_string(options.min_size_to_sample) + ", expected >= 1");
  }
  const double needed = 2 * std::max(1.0, options.samples_per_insert);
  if (options.max_diff - options.min_diff < needed) {
    throw std::invalid_argument(
        "max_diff - min_diff: " + std::to_string(options.max_diff - options.min_diff) +
        ", expected >= " + std::to_string(needed));
  }
}

bool RateLimiter::can_insert(int64_t n) const {
  // The first items are always allowed: without them nothing could ever be sampled.
  if (size() + n <= options_.min_size_to_sample) return true;
  const double diff = static_cast<double>(inserts_ + n) * options_.samples_per_insert -
                      static_cast<double>(samples_);
  return diff <= options_.max_diff;
}

bool RateLimiter::can_sample(int64_t n) const {
  if (size() < options_.min_size_to_sample) return false;
  const double diff = static_cast<double>(inserts_) * options_.samples_per_insert -
                      static_cast<double>(samples_ + n);
  return diff >= options_.min_diff;
}

}  // namespace charter::rl
