// One prompt and the response a policy gave to it, with everything needed to train on it later.
// Plain values: they cross process borders. Log-probs are natural logarithms at `temperature`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace charter::rl {

struct Trajectory {
  int64_t work_id = 0;  // the ledger's id of the prompt's work item
  uint64_t ticket = 0;  // came with the item; shows that it was given out
  int64_t lineage = 0;
  std::vector<int32_t> prompt;  // token ids
  std::vector<int32_t>
      response;  // token ids, >= 1, the end-of-turn token included when it was sampled
  std::vector<float> behavior_logprobs;  // one a response token, under the weights that sampled it
  std::vector<int64_t> policy_versions;  // one a response token, non-decreasing
  double temperature = 1.0;
  std::string precision;  // of the generating engine: "float32", "bfloat16", "int8"
  bool finished = false;  // ended by the end-of-turn token, not by the length limit
};

struct ScoredTrajectory {
  Trajectory trajectory;
  double score = 0.0;  // the PM's logit of the whole conversation, mapped as the PM's version says
  int64_t pm_version = 0;
  std::vector<float>
      ref_logprobs;  // one a response token, under the frozen reference, in training precision
};

// The oldest version among the response's tokens; staleness is counted from it.
[[nodiscard]] int64_t oldest_version(const Trajectory& trajectory);

// Empty when consistent; else one line that says what is wrong (lengths, versions decreasing,
// non-finite log-probs, a token id outside [0, vocabulary)).
inline constexpr int64_t kAnyVocabulary = int64_t{1} << 31;  // every id >= 0 that the type holds
[[nodiscard]] std::string defect(const Trajectory& trajectory, int64_t vocabulary = kAnyVocabulary);
[[nodiscard]] std::string defect(const ScoredTrajectory& scored,
                                 int64_t vocabulary = kAnyVocabulary);

}  // namespace charter::rl
