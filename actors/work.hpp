// What a work item asks for and what its record answers, by kind, as JSON. The pipeline writes the
// payloads, workers the records; both live in the ledger, so that a run can be read without this
// program.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace charter::actors {

// sl_chain: first answer, then `rounds` of critique and revision. helpful_sample: one answer. eval:
// one answer of a snapshot. rollout: one trajectory. pair: two answers, to be judged. activation:
// hidden states of the prompt alone.
struct PromptWork {
  std::string prompt_id, prompt;
  std::string group;     // red_team, helpful
  std::string snapshot;  // eval: base, sl_cai, rl_cai
  std::string split;     // activation: train, held_out
  int32_t rounds = 0;    // sl_chain
  bool online = false;   // pair: its preference goes to the PM trainer
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PromptWork, prompt_id, prompt, group, snapshot,
                                                split, rounds, online)

struct ChainRound {
  std::string principle, critique, revision;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ChainRound, principle, critique, revision)

struct ChainRecord {
  std::string prompt_id, prompt, response;
  std::vector<ChainRound> rounds;
  int64_t tokens = 0;
  int64_t dropped_fewshots = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ChainRecord, prompt_id, prompt, response, rounds,
                                                tokens, dropped_fewshots)

struct ResponseRecord {
  std::string prompt_id, prompt, group, snapshot, response;
  int64_t tokens = 0;
  bool finished = false;  // by the end-of-turn token
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ResponseRecord, prompt_id, prompt, group, snapshot,
                                                response, tokens, finished)

// Two answers of the evaluation to one prompt. Only kCompared go to the judge, the others have
// nothing to prefer; they are counted, never dropped unseen.
enum class AnswerPair { kCompared, kEmpty, kIdentical };
[[nodiscard]] inline AnswerPair answer_pair(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return AnswerPair::kEmpty;
  return first == second ? AnswerPair::kIdentical : AnswerPair::kCompared;
}

// sft: a conversation whose response is learned.
struct SftWork {
  std::string prompt, response, source;  // source: revision, helpful
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SftWork, prompt, response, source)

// judge: one comparison for the judge. pmp, preference: one for the PM to learn. score: one for the
// PM to score.
struct ComparisonWork {
  std::string comparison_id, prompt, first, second;
  double p_first = 0.5;  // label; 1 or 0 where a human or an author chose
  std::string source;    // human, ai, authored
  std::string method;    // judge: which method
  // judge: check asks by the labeller's principles, harmlessness and helpfulness by the
  // evaluation's, as do check_harmlessness and check_helpfulness, on labelled pairs. score:
  // helpfulness, harmlessness
  std::string purpose;
  std::string left, right;  // judge of the evaluation: the snapshots that wrote first and second
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ComparisonWork, comparison_id, prompt, first,
                                                second, p_first, source, method, purpose, left,
                                                right)

struct PreferenceRecord {
  std::string prompt_id, prompt, first, second;
  double p_first = 0.5;
  double entropy = 0;  // of the label, nats
  int32_t flip = -1;   // 1: the two orders disagree, 0: they agree, -1: the method has no orders
  std::string method, principle_id, judge_id;
  std::string purpose, left, right;
  double target = 0.5;  // of a labelled pair
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PreferenceRecord, prompt_id, prompt, first, second,
                                                p_first, entropy, flip, method, principle_id,
                                                judge_id, purpose, left, right, target)

struct ScoreRecord {
  double first = 0, second = 0;  // PM logits
  double p_first = 0.5;          // label
  std::string purpose;
  int64_t cut =
      0;  // of the two conversations: longer than pm_train.max_tokens, lost their beginning
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ScoreRecord, first, second, p_first, purpose, cut)

struct ActivationRecord {
  std::string group, split;
  std::vector<int64_t> layers;             // indices of the layers below
  std::vector<std::vector<float>> values;  // one row a layer, hidden size long
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ActivationRecord, group, split, layers, values)

}  // namespace charter::actors
