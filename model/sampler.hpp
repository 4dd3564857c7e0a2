// Choosing a token from logits. Pure: the same logits, parameters and index give the same token.
#pragma once
#include <cstdint>
#include <span>

namespace charter::model {

// Of one above 0. At it, logits of size 20 over the temperature are 2e5, which float32 still holds
// to a hundredth.
constexpr double kMinTemperature = 1e-4;

struct SampledToken {
  int32_t token = 0;
  float logprob = 0;  // natural log, under softmax(logits / temperature) of the whole vocabulary,
                      // even when top_p < 1
};

// A uniform number in [0, 1), a function of (seed, index) alone: the splitmix64 finaliser (Steele
// et al. 2014) of both.
[[nodiscard]] double uniform(uint64_t seed, uint64_t index);

// Neither NaN nor infinite: of such logits no distribution, and no log-prob below, means anything.
[[nodiscard]] bool all_finite(std::span<const float> logits);

// temperature 0: the largest logit (the first of equals), with its log-probability at
// temperature 1. Otherwise inverse CDF with u in [0, 1) over softmax(logits / temperature), in id
// order; with top_p < 1 over the smallest set of most likely tokens whose probability reaches
// top_p.
[[nodiscard]] SampledToken sample(std::span<const float> logits, double temperature, double top_p,
                                  double u);

// log softmax(logits / temperature)[token]; temperature 0 counts as 1.
[[nodiscard]] float token_logprob(std::span<const float> logits, double temperature, int32_t token);

}  // namespace charter::model
