#include "model/request_checks.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>

#include "model/sampler.hpp"

namespace charter::model {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& got,
                         const std::string& expected) {
  throw std::invalid_argument(name + ": " + got + ", expected " + expected);
}

void check_ids(const char* name, const std::vector<int32_t>& ids, int64_t vocab) {
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab) {
      refuse(name, "holds id " + std::to_string(id), "ids in [0, " + std::to_string(vocab) + ")");
    }
  }
}

void check_sampling(const SamplingParams& p) {
  if (p.temperature != 0 && !(p.temperature >= kMinTemperature && std::isfinite(p.temperature))) {
    std::ostringstream got;
    got << p.temperature;
    refuse("temperature", got.str(), "0 (greedy) or a number from 0.0001 on");
  }
  if (!(p.top_p > 0 && p.top_p <= 1)) refuse("top_p", std::to_string(p.top_p), "in (0, 1]");
  if (p.max_new_tokens < 1) refuse("max_new_tokens", std::to_string(p.max_new_tokens), ">= 1");
  for (const std::string& stop : p.stop) {
    if (stop.empty()) refuse("stop", "an empty string", "at least one byte");
  }
}

}  // namespace

void check_request(const GenerationRequest& r, int64_t vocab, int64_t max_context,
                   bool has_tokenizer) {
  if (r.prompt.empty()) refuse("prompt", "no tokens", "at least one");
  check_ids("prompt", r.prompt, vocab);
  check_ids("continuation", r.continuation, vocab);
  check_ids("candidates", r.candidates, vocab);
  if (!r.continuation.empty() && !r.candidates.empty()) {
    refuse("candidates", "given beside a continuation", "one of them");
  }
  const auto needed = r.prompt.size() + std::max<size_t>(1, r.continuation.size());
  if (static_cast<int64_t>(needed) > max_context) {
    refuse("prompt",
           std::to_string(r.prompt.size()) + " tokens and " +
               std::to_string(std::max<size_t>(1, r.continuation.size())) + " after it",
           "at most " + std::to_string(max_context) + " together");
  }
  check_sampling(r.sampling);
  if (!r.sampling.stop.empty() && !has_tokenizer)
    refuse("stop", "given", "none without a tokenizer");
}

EngineOptions checked(EngineOptions options, const ModelConfig& config) {
  if (options.max_batch < 1) refuse("max_batch", std::to_string(options.max_batch), ">= 1");
  if (options.max_context < 2 || options.max_context > config.longest_text()) {
    refuse("max_context", std::to_string(options.max_context),
           "in [2, " + std::to_string(config.longest_text()) + "]");
  }
  if (options.prefill_chunk_tokens < 1) {
    refuse("prefill_chunk_tokens", std::to_string(options.prefill_chunk_tokens), ">= 1");
  }
  return options;
}

}  // namespace charter::model
