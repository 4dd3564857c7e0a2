#include "model/model_config.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace charter::model {
namespace {

void check(bool ok, const char* field, const std::string& got, const char* expected) {
  if (!ok) throw std::invalid_argument(std::string(field) + ": " + got + ", expected " + expected);
}

void check_size(int64_t value, const char* field, int64_t most) {
  check(value >= 1 && value <= most, field, std::to_string(value),
        ("1 to " + std::to_string(most)).c_str());
}

}  // namespace

std::string_view family_name(ModelFamily family) {
  switch (family) {
    case ModelFamily::kLlama:
      return "llama";
    case ModelFamily::kMistral:
      return "mistral";
    case ModelFamily::kQwen2:
      return "qwen2";
    case ModelFamily::kQwen3:
      return "qwen3";
  }
  throw std::invalid_argument("family: unknown value");
}

int64_t ModelConfig::longest_text() const {
  return std::min(max_position, sliding_window.value_or(max_position));
}

void validate(const ModelConfig& c) {
  check_size(c.vocab_size, "vocab_size", 1 << 24);
  check_size(c.hidden_size, "hidden_size", 1 << 20);
  check_size(c.intermediate_size, "intermediate_size", 1 << 24);
  check_size(c.num_layers, "num_layers", 1 << 12);
  check_size(c.num_heads, "num_heads", 1 << 12);
  check_size(c.num_kv_heads, "num_kv_heads", 1 << 12);
  check_size(c.head_dim, "head_dim", 1 << 12);
  check_size(c.max_position, "max_position", 1 << 30);
  check(c.num_heads % c.num_kv_heads == 0, "num_kv_heads", std::to_string(c.num_kv_heads),
        ("a divisor of num_heads " + std::to_string(c.num_heads)).c_str());
  check(c.head_dim % 2 == 0, "head_dim", std::to_string(c.head_dim), "an even number");
  check(c.rms_norm_eps > 0 && c.rms_norm_eps < 1, "rms_norm_eps", std::to_string(c.rms_norm_eps),
        "above 0 and below 1");
  check(std::isfinite(c.rope_theta) && c.rope_theta > 1, "rope_theta", std::to_string(c.rope_theta),
        "a number above 1");
  const RopeScaling& s = c.rope_scaling;
  check(std::isfinite(s.factor) && s.factor > 0, "rope_scaling.factor", std::to_string(s.factor),
        "above 0");
  check(s.low_freq_factor > 0 && s.high_freq_factor > s.low_freq_factor,
        "rope_scaling.high_freq_factor", std::to_string(s.high_freq_factor),
        "more than low_freq_factor, both above 0");
  check(s.original_max_position > 0, "rope_scaling.original_max_position",
        std::to_string(s.original_max_position), "above 0");
  check(!c.sliding_window || *c.sliding_window >= 1, "sliding_window",
        std::to_string(c.sliding_window.value_or(0)), "1 or more");
  check(c.windowed_layers.empty() ||
            (c.sliding_window && std::ssize(c.windowed_layers) == c.num_layers),
        "windowed_layers", std::to_string(c.windowed_layers.size()),
        "one for each layer, with a window");
  const auto check_id = [&](int64_t id, const char* field) {
    check(id >= 0 && id < c.vocab_size, field, std::to_string(id),
          ("a token id below vocab_size " + std::to_string(c.vocab_size)).c_str());
  };
  if (c.bos_id) check_id(*c.bos_id, "bos_id");
  if (c.pad_id) check_id(*c.pad_id, "pad_id");
  for (const int64_t id : c.eos_ids) check_id(id, "eos_ids");
}

std::vector<float> llama3_frequency_divisors(int64_t head_dim, double rope_theta,
                                             const RopeScaling& s) {
  std::vector<float> divisors;
  const double context = static_cast<double>(s.original_max_position);
  for (int64_t i = 0; i < head_dim; i += 2) {
    const double exponent = static_cast<double>(i) / static_cast<double>(head_dim);
    const double wavelength = 2.0 * M_PI * std::pow(rope_theta, exponent);
    double divisor = 1.0;
    if (wavelength > context / s.low_freq_factor) {
      divisor = s.factor;
    } else if (wavelength >= context / s.high_freq_factor) {
      const double smooth =
          (context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
      divisor = 1.0 / ((1.0 - smooth) / s.factor + smooth);
    }
    divisors.push_back(static_cast<float>(divisor));
  }
  return divisors;
}

}  // namespace charter::model
