#include "model/rope.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace charter::model {
namespace {

std::vector<float> inverse_frequencies(const ModelConfig& config) {
  const int64_t half = config.head_dim / 2;
  std::vector<float> result(half);
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    result[i] = 1.0f / std::pow(static_cast<float>(config.rope_theta), exponent);
  }
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.kind == RopeScalingKind::kLinear) {
    for (float& f : result) f /= static_cast<float>(scaling.factor);
  } else if (scaling.kind == RopeScalingKind::kLlama3) {
    const auto divisors = llama3_frequency_divisors(config.head_dim, config.rope_theta, scaling);
    for (int64_t i = 0; i < half; ++i) result[i] /= divisors[i];
  }
  return result;
}

}  // namespace

RopeTable rope_table(const ModelConfig& config, int64_t positions, at::Device device) {
  const auto frequencies = inverse_frequencies(config);
  const auto half = static_cast<int64_t>(frequencies.size());
  RopeTable table{at::empty({positions, half}, at::kFloat),
                  at::empty({positions, half}, at::kFloat)};
  float* cos = table.cos.mutable_data_ptr<float>();
  float* sin = table.sin.mutable_data_ptr<float>();
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t i = 0; i < half; ++i) {
      // The angle is rounded to float32 first: transformers does, and it shows at long positions.
      const float angle = static_cast<float>(p) * frequencies[i];
      cos[p * half + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sin[p * half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  return {table.cos.to(device), table.sin.to(device)};
}

}  // namespace charter::model
