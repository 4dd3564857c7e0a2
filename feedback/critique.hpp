// Critique and revision chains (Bai et al. 2022, arXiv 2212.08073, section 3.1; strings of the
// paper's repository): r_0 answers the prompt; round n draws a principle, asks for a critique of
// r_{n-1} and for a revision r_n. The context of round n holds only (prompt, r_{n-1}).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "feedback/constitution.hpp"
#include "feedback/conversation.hpp"
#include "feedback/fewshot.hpp"

namespace charter::feedback {

// Number of tokens of a text under the generating model.
using TokenCounter = std::function<std::int64_t(std::string_view)>;

struct ChainOptions {
  int rounds = 4;             // critique and revision rounds, >= 1
  bool with_critique = true;  // false: direct revision (section 3.5)
  std::uint64_t seed = 0;
  std::uint64_t work_id = 0;            // with seed and round the key of the principle draw
  std::int64_t max_prompt_tokens = 0;   // context - new tokens; 0: no limit
  std::int64_t max_fewshot_tokens = 0;  // examples altogether; 0: no limit
};

enum class ChainStep { kInitial, kCritique, kRevision };

struct ChainRequest {
  std::string text;               // few-shot + conversation + request; the sample follows it
  std::vector<std::string> stop;  // chain_stop_strings()
  ChainStep step = ChainStep::kInitial;
  int round = 0;             // 0 for the initial response, then 1..rounds
  std::string principle_id;  // empty for the initial response
  int dropped_examples = 0;  // few-shot examples left out of this request to fit the limits
  bool fits = true;          // false: longer than max_prompt_tokens even without examples
};

struct ChainRound {
  std::string principle_id;
  std::string critique;  // empty without critiques, or if the model wrote none
  std::string revision;  // r_n
  bool kept = false;     // the model wrote no revision: r_n is r_{n-1}, no training example
};

struct ChainResult {
  std::string initial;  // r_0; empty: nothing was written, the chain ended there
  std::vector<ChainRound> rounds;
  int dropped_examples = 0;  // summed over requests
  int empty_outputs = 0;     // samples that were empty after trimming
};

// "\n\nHuman:", "\n\nAssistant:", "\n\nCritiqueRequest:", "\n\nRevisionRequest:".
[[nodiscard]] std::vector<std::string> chain_stop_strings();

// A sample cut at its first stop string and trimmed.
[[nodiscard]] std::string clean_sample(std::string_view sample);

// State machine of one prompt: while (auto r = chain.next()) chain.accept(generate(*r)).
// Used by one owner; not thread-safe. Constitution and examples outlive it.
//
// Texts are kept without the leading space of a sample; contexts join them as " " + text.
// Empty samples: an empty r_0 ends the chain without rounds. An empty critique makes the round a
// direct revision. An empty revision keeps r_{n-1} (kept = true) and the chain goes on.
// Examples are dropped oldest (first) first until both limits hold; the initial request has none
// (r_0 ~ H(x)), and may as well be rendered in another chat format by the caller.
class CritiqueChain {
 public:
  // Throws std::invalid_argument: rounds < 1, no critique principles, a prompt that does not end on
  // a human turn, or a token limit without a counter.
  CritiqueChain(Conversation prompt, const Constitution* constitution,
                const std::vector<CritiqueExample>* examples, ChainOptions options,
                TokenCounter counter = {});

  // The same request until accept() is called; nothing when the chain is done.
  [[nodiscard]] const std::optional<ChainRequest>& next() const { return request_; }

  // The sample that answers next(). Throws std::logic_error when the chain is done.
  void accept(std::string_view sample);

  [[nodiscard]] bool done() const { return !request_.has_value(); }
  [[nodiscard]] const Conversation& prompt() const { return prompt_; }
  [[nodiscard]] const ChainResult& result() const { return result_; }

 private:
  void prepare();  // request_ of the current step
  [[nodiscard]] std::string task_text(const CritiquePrinciple& principle) const;
  void finish_round(std::string revision);
  [[nodiscard]] const std::string& last_response() const;

  Conversation prompt_;
  const Constitution* constitution_;
  const std::vector<CritiqueExample>* examples_;
  ChainOptions options_;
  TokenCounter counter_;
  ChainResult result_;
  ChainStep step_ = ChainStep::kInitial;
  int round_ = 0;
  std::string critique_;  // of the running round
  std::optional<ChainRequest> request_;
};

}  // namespace charter::feedback
