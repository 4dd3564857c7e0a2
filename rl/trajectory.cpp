#include "rl/trajectory.hpp"

#include <algorithm>
#include <cmath>

namespace charter::rl {
namespace {

std::string length_defect(const char* name, size_t got, size_t expected) {
  return std::string(name) + ": " + std::to_string(got) + " entries, expected " +
         std::to_string(expected) + " (one a response token)";
}

// A log-prob above 0 by more than rounding is a probability above 1.
std::string logprob_defect(const char* name, const std::vector<float>& logprobs) {
  constexpr float kRounding = 1e-3f;
  for (size_t i = 0; i < logprobs.size(); ++i) {
    if (!std::isfinite(logprobs[i]) || logprobs[i] > kRounding) {
      return std::string(name) + "[" + std::to_string(i) + "]: " + std::to_string(logprobs[i]) +
             ", expected a finite log-probability <= 0";
    }
  }
  return {};
}

}  // namespace

int64_t oldest_version(const Trajectory& trajectory) {
  if (trajectory.policy_versions.empty()) return 0;
  return *std::min_element(trajectory.policy_versions.begin(), trajectory.policy_versions.end());
}

std::string defect(const Trajectory& t, int64_t vocabulary) {
  if (t.prompt.empty()) return "prompt: empty, expected >= 1 token";
  if (t.response.empty()) return "response: empty, expected >= 1 token";
  const size_t n = t.response.size();
  if (t.behavior_logprobs.size() != n) {
    return length_defect("behavior_logprobs", t.behavior_logprobs.size(), n);
  }
  if (t.policy_versions.size() != n) {
    return length_defect("policy_versions", t.policy_versions.size(), n);
  }
  if (!std::is_sorted(t.policy_versions.begin(), t.policy_versions.end())) {
    return "policy_versions: decreasing, expected non-decreasing";
  }
  if (!std::isfinite(t.temperature) || t.temperature <= 0) {
    return "temperature: " + std::to_string(t.temperature) + ", expected > 0";
  }
  for (const auto* tokens : {&t.prompt, &t.response}) {
    for (const int32_t id : *tokens) {
      if (id < 0 || id >= vocabulary) {
        return "token id " + std::to_string(id) + ", expected 0 <= id < " +
               std::to_string(vocabulary);
      }
    }
  }
  return logprob_defect("behavior_logprobs", t.behavior_logprobs);
}

std::string defect(const ScoredTrajectory& scored, int64_t vocabulary) {
  if (std::string found = defect(scored.trajectory, vocabulary); !found.empty()) return found;
  if (!std::isfinite(scored.score)) {
    return "score: " + std::to_string(scored.score) + ", expected finite";
  }
  const size_t n = scored.trajectory.response.size();
  if (scored.ref_logprobs.size() != n) {
    return length_defect("ref_logprobs", scored.ref_logprobs.size(), n);
  }
  return logprob_defect("ref_logprobs", scored.ref_logprobs);
}

}  // namespace charter::rl
