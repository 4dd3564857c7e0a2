#include "model/sampler.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "model/kernels.hpp"

namespace charter::model {
namespace {

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

float scale_of(double temperature) {
  return static_cast<float>(1.0 / (temperature > 0 ? temperature : 1.0));
}

double logprob_of(float logit, float scale, double lse) {
  return static_cast<double>(logit) * scale - lse;
}

int32_t nucleus(std::span<const float> logits, float scale, double lse, double top_p, double u) {
  // Left out before sorting: all tokens below `floor` together hold less than 1 - top_p, so the
  // others already reach top_p.
  const double floor = (1.0 - top_p) / static_cast<double>(logits.size());
  std::vector<std::pair<double, int32_t>> likely;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double p = std::exp(logprob_of(logits[i], scale, lse));
    if (p >= floor) likely.emplace_back(p, static_cast<int32_t>(i));
  }
  std::sort(likely.begin(), likely.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  double total = 0;
  size_t count = 0;
  while (count < likely.size() && (count == 0 || total < top_p)) total += likely[count++].first;
  double target = u * total;
  for (size_t i = 0; i < count; ++i) {
    target -= likely[i].first;
    if (target < 0) return likely[i].second;
  }
  return likely[count - 1].second;
}

// Sums of blocks first, so that one block alone is walked token by token.
int32_t inverse_cdf(std::span<const float> logits, float scale, double lse, double u) {
  constexpr size_t kBlock = 512;
  thread_local std::vector<float> probabilities;
  probabilities.assign(logits.begin(), logits.end());
  kernels().row_exp(probabilities.data(), static_cast<int64_t>(logits.size()), scale,
                    static_cast<float>(lse), 1.0f);
  double before = 0;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const size_t end = std::min(logits.size(), begin + kBlock);
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += probabilities[i];
    if (before + sum <= u) {
      before += sum;
      continue;
    }
    for (size_t i = begin; i < end; ++i) {
      before += probabilities[i];
      if (before > u) return static_cast<int32_t>(i);
    }
  }
  // Rounding left the total below u, by 1e-6 at most.
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

double uniform(uint64_t seed, uint64_t index) {
  const uint64_t bits =
      mix(mix(seed + 0x9E3779B97F4A7C15ull) + (index + 1) * 0x9E3779B97F4A7C15ull);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

bool all_finite(std::span<const float> logits) {
  // The exponent's bits are all ones in NaN and infinity alone; a largest integer is found in
  // vectors, where a sum of floats would not be.
  constexpr uint32_t kExponent = 0x7f800000u;
  uint32_t largest = 0;
  for (const float x : logits) largest = std::max(largest, std::bit_cast<uint32_t>(x) & kExponent);
  return largest != kExponent;
}

SampledToken sample(std::span<const float> logits, double temperature, double top_p, double u) {
  const float scale = scale_of(temperature);
  const double lse =
      kernels().row_logsumexp(logits.data(), static_cast<int64_t>(logits.size()), scale);
  int32_t token = 0;
  if (temperature <= 0) {
    token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  } else if (top_p < 1) {
    token = nucleus(logits, scale, lse, top_p, u);
  } else {
    token = inverse_cdf(logits, scale, lse, u);
  }
  return {token, static_cast<float>(logprob_of(logits[static_cast<size_t>(token)], scale, lse))};
}

float token_logprob(std::span<const float> logits, double temperature, int32_t token) {
  const float scale = scale_of(temperature);
  const double lse =
      kernels().row_logsumexp(logits.data(), static_cast<int64_t>(logits.size()), scale);
  return static_cast<float>(logprob_of(logits[static_cast<size_t>(token)], scale, lse));
}

}  // namespace charter::model
