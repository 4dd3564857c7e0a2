// Helpers to run an engine to its end and to compare it with the packed pass.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <vector>

#include "model/engine.hpp"
#include "tests/model/tiny_model.hpp"

namespace charter::model {

inline std::map<uint64_t, Completion> run_all(Engine& engine) {
  std::map<uint64_t, Completion> result;
  for (int steps = 0; !engine.idle() && steps < 10000; ++steps) {
    for (Completion& c : engine.step()) result[c.id] = std::move(c);
  }
  return result;
}

// Log-probabilities of `response` after `prompt` by the packed pass.
inline std::vector<float> exact_logprobs(const Transformer& t, std::vector<int32_t> prompt,
                                         const std::vector<int32_t>& response,
                                         double temperature = 1.0) {
  const at::NoGradGuard no_grad;
  const auto first = static_cast<int64_t>(prompt.size()) - 1,
             n = static_cast<int64_t>(response.size());
  prompt.insert(prompt.end(), response.begin(), response.end() - 1);
  const std::vector<std::vector<int32_t>> sequences{prompt};
  const auto hidden = hidden_states(t, pack(sequences)).narrow(0, first, n);
  const std::vector<int64_t> ids(response.begin(), response.end());
  const auto result =
      token_logprobs(t, hidden, at::tensor(ids, at::kLong), temperature).contiguous();
  return {result.const_data_ptr<float>(), result.const_data_ptr<float>() + n};
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 1e9;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(double{a[i]} - double{b[i]}));
  return worst;
}

inline GenerationRequest request_of(uint64_t id, std::vector<int32_t> prompt, int32_t new_tokens,
                                    double temperature = 1.0) {
  GenerationRequest r;
  r.id = id;
  r.prompt = std::move(prompt);
  r.sampling.max_new_tokens = new_tokens;
  r.sampling.temperature = temperature;
  r.sampling.seed = id * 17 + 3;
  return r;
}

inline Engine engine_of(const Transformer& t,
                        EngineOptions options = {.max_batch = 8, .max_context = 512},
                        WeightVersion version = {0, 1}) {
  return Engine(PackedModel::make(t), nullptr, version, options);
}

// First `n` of `tokens`, and two sequences end to end.
inline std::vector<int32_t> head_of(const std::vector<int32_t>& tokens, size_t n) {
  return {tokens.begin(), tokens.begin() + static_cast<int64_t>(n)};
}
}  // namespace charter::model
