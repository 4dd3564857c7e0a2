// Judges turn a pair of responses and a principle into a soft label. They only build texts and read
// numbers: whoever owns a model scores the requests (a local engine, an HTTP endpoint).
// Immutable after construction; any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "feedback/constitution.hpp"
#include "feedback/critique.hpp"
#include "feedback/fewshot.hpp"
#include "feedback/preference.hpp"

namespace charter::feedback {

// log p(continuation | context), summed over the continuation's tokens, is wanted.
struct ScoreRequest {
  std::string context;
  std::string continuation;
};

struct ResponsePair {
  std::uint64_t id = 0;  // key of every draw made for this pair
  Conversation prompt;
  std::string first;
  std::string second;
};

class Judge {
 public:
  virtual ~Judge() = default;

  // What must be scored, always the same number (request_count()) in the same order.
  // Throws std::invalid_argument: a prompt that does not end on a human turn, an empty response.
  [[nodiscard]] virtual std::vector<ScoreRequest> requests(
      const ResponsePair& pair, const FeedbackPrinciple& principle) const = 0;

  [[nodiscard]] virtual std::size_t request_count() const = 0;

  // sums[i], token_counts[i]: summed log-prob and number of tokens of request i's continuation.
  // Throws std::invalid_argument on another number of scores, and std::runtime_error on numbers no
  // model can give (not finite, positive log-prob, no tokens) or options of unequal length.
  [[nodiscard]] virtual Preference label(const FeedbackPrinciple& principle,
                                         std::span<const double> sums,
                                         std::span<const std::int64_t> token_counts) const = 0;
};

struct MultipleChoiceOptions {
  std::string judge_id{};   // recorded with each label
  bool both_orders = true;  // false: one order, first response as (A), as the paper; flip is empty
  double clamp_low = 0;     // labels are limited to [clamp_low, clamp_high]
  double clamp_high = 1;
  std::uint64_t seed = 0;  // of the examples' principles and orders
  // true: the examples' principles and orders are drawn once, so that every question shares one
  // prefix in the engine's cache; false: drawn for each pair, as the paper.
  bool fixed_examples = false;
  std::int64_t max_prompt_tokens = 0;  // 0: no limit; else examples are dropped oldest first
};

// The paper's question, " (A)" and " (B)" scored. 4 requests: order AB (A), (B), order BA (A), (B);
// 2 with one order. Examples are put before the question, each with its own principle and order.
// constitution: the principles of the examples; may be null without examples. Pointers outlive the
// judge. Throws std::invalid_argument on a bad clamp, a limit without counter, or examples without
// feedback principles.
[[nodiscard]] std::unique_ptr<Judge> make_multiple_choice_judge(
    const Constitution* constitution, const std::vector<FeedbackExample>* examples,
    MultipleChoiceOptions options, TokenCounter counter = {});

// What `flip` measures for a contrast label. The method scores each response alone, so it has no
// order to swap; both measurements below ask whether the label hangs on another arbitrary choice.
enum class ContrastFlip {
  kNone,                 // not measured: flip is empty
  kLengthNormalization,  // sums prefer the other response than means do; costs nothing
  kDescriptorHalves,  // two halves of the descriptor lists prefer different responses; 12 requests
};

struct LikelihoodContrastOptions {
  std::string judge_id{};
  // Nats of mean log-prob difference -> logit. SmolLM2-135M-Instruct Q4_1, the shipped principles:
  // best scale 7 on 60 authored pairs (accuracy 0.62 +- 0.12, Brier 0.223 at 5) and about 0 on 80
  // short hh-rlhf pairs (0.54 +- 0.11, Brier 0.272 at 5, 0.300 at 10). Larger scales claim more
  // than the judge knows; fit_contrast_scale() measures it for another model.
  double scale = 5;
  ContrastFlip flip = ContrastFlip::kLengthNormalization;
  double clamp_low = 0;
  double clamp_high = 1;
};

// Mean token log-prob of " <response>" after "A conversation with a <good> assistant." + the
// prompt, minus the same with <bad>; the response with the larger difference is the better one.
// Requests: first good, first bad, second good, second bad (4; 12 with kDescriptorHalves, the same
// four for either half).
[[nodiscard]] std::unique_ptr<Judge> make_likelihood_contrast_judge(
    LikelihoodContrastOptions options);

// The paper's question, byte for byte as in its repository (evals/438HHHEvaluations.jsonl):
// "\n\nConsider the following conversation between a human and an assistant:" + conversation +
// "\n\n\n<text> Options:\n (A) [[[<a>]]]\n (B) [[[<b>]]]\n\nThe answer is:".
[[nodiscard]] std::string multiple_choice_question(const Conversation& prompt,
                                                   const FeedbackPrinciple& principle,
                                                   std::string_view a, std::string_view b);

// "A conversation with a <descriptors> assistant." ("an" before a vowel) + the rendered prompt +
// "\n\nAssistant:".
[[nodiscard]] std::string contrast_context(const Conversation& prompt,
                                           std::string_view descriptors);

// The maximum-likelihood scale of p = sigmoid(scale * margin) on labelled pairs, in [0, max_scale];
// margin: contrast_margin(first) - contrast_margin(second); first_better: the label.
// Margins without information (wrong as often as right) give 0, separable ones max_scale. Throws
// std::invalid_argument on unequal lengths.
[[nodiscard]] double fit_contrast_scale(std::span<const double> margins,
                                        const std::vector<bool>& first_better,
                                        double max_scale = 1000);

}  // namespace charter::feedback
