#include "feedback/preference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace charter::feedback {
namespace {

double option_gap(const OptionLogprobs& order) { return order.listed_first - order.listed_second; }

double sum_margin(const ContrastScore& score) { return score.good_sum - score.bad_sum; }

}  // namespace

double sigmoid(double x) {
  // exp of a non-positive number only: no overflow at either end.
  const double e = std::exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double binary_entropy(double p) {
  if (!(p >= 0 && p <= 1)) {
    throw std::invalid_argument("p = " + std::to_string(p) + ", expected a value in [0, 1]");
  }
  const auto term = [](double q) { return q > 0 ? -q * std::log(q) : 0.0; };
  return term(p) + term(1 - p);
}

double clamp_probability(double p, double low, double high) {
  if (!(low >= 0 && low <= high && high <= 1)) {
    throw std::invalid_argument("clamp [" + std::to_string(low) + ", " + std::to_string(high) +
                                "], expected 0 <= low <= high <= 1");
  }
  return std::clamp(p, low, high);
}

double combine_orders(const OptionLogprobs& ab, const OptionLogprobs& ba) {
  return sigmoid((option_gap(ab) - option_gap(ba)) / 2);
}

bool order_flip(const OptionLogprobs& ab, const OptionLogprobs& ba) {
  return option_gap(ab) * option_gap(ba) > 0;
}

double contrast_margin(const ContrastScore& score) {
  if (score.tokens < 1) {
    throw std::invalid_argument("tokens = " + std::to_string(score.tokens) + ", expected >= 1");
  }
  return sum_margin(score) / static_cast<double>(score.tokens);
}

double contrast_probability(const ContrastScore& first, const ContrastScore& second, double scale) {
  return sigmoid(scale * (contrast_margin(first) - contrast_margin(second)));
}

bool length_flip(const ContrastScore& first, const ContrastScore& second) {
  const double by_mean = contrast_margin(first) - contrast_margin(second);
  const double by_sum = sum_margin(first) - sum_margin(second);
  return by_mean * by_sum < 0;
}

}  // namespace charter::feedback
