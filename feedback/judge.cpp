#include "feedback/judge.hpp"

#include <cmath>
#include <stdexcept>

#include "feedback/conversation.hpp"
#include "feedback/judge_checks.hpp"

namespace charter::feedback {

void check_pair(const ResponsePair& pair) {
  if (pair.prompt.empty() || pair.prompt.back().role != Role::kHuman) {
    throw std::invalid_argument("judge: the prompt does not end on a human turn");
  }
  if (trim(pair.first).empty() || trim(pair.second).empty()) {
    throw std::invalid_argument("judge: a response of the pair is empty");
  }
}

void check_scores(std::span<const double> sums, std::span<const std::int64_t> token_counts,
                  std::size_t expected) {
  if (sums.size() != expected || token_counts.size() != expected) {
    throw std::invalid_argument("judge: " + std::to_string(sums.size()) + " sums and " +
                                std::to_string(token_counts.size()) + " counts, expected " +
                                std::to_string(expected) + " of each");
  }
  constexpr double kRounding = 1e-3;  // float32 log-softmax may end a hair above 0
  for (std::size_t i = 0; i < expected; ++i) {
    if (!std::isfinite(sums[i]) || sums[i] > kRounding || token_counts[i] < 1) {
      throw std::runtime_error("judge: score " + std::to_string(i) + " is log-prob " +
                               std::to_string(sums[i]) + " of " + std::to_string(token_counts[i]) +
                               " tokens, expected a finite log-prob <= 0 of at least 1 token");
    }
  }
}

std::string multiple_choice_question(const Conversation& prompt, const FeedbackPrinciple& principle,
                                     std::string_view a, std::string_view b) {
  std::string text = "\n\nConsider the following conversation between a human and an assistant:";
  text += render(prompt);
  text += "\n\n\n" + principle.text + " Options:\n (A) [[[";
  text += trim(a);
  text += "]]]\n (B) [[[";
  text += trim(b);
  text += "]]]\n\nThe answer is:";
  return text;
}

namespace {

class MultipleChoiceJudge : public Judge {
 public:
  MultipleChoiceJudge(const Constitution* constitution,
                      const std::vector<FeedbackExample>* examples, MultipleChoiceOptions options,
                      TokenCounter counter)
      : constitution_(constitution),
        examples_(examples),
        options_(std::move(options)),
        counter_(std::move(counter)) {}

  std::size_t request_count() const override { return options_.both_orders ? 4 : 2; }

  std::vector<ScoreRequest> requests(const ResponsePair& pair,
                                     const FeedbackPrinciple& principle) const override {
    check_pair(pair);
    const std::string ab =
        multiple_choice_question(pair.prompt, principle, pair.first, pair.second);
    const std::string ba =
        multiple_choice_question(pair.prompt, principle, pair.second, pair.first);
    const std::string prefix = example_prefix(pair.id, ab, ba);
    std::vector<ScoreRequest> out{{prefix + ab, " (A)"}, {prefix + ab, " (B)"}};
    if (options_.both_orders) {
      out.push_back({prefix + ba, " (A)"});
      out.push_back({prefix + ba, " (B)"});
    }
    return out;
  }

  Preference label(const FeedbackPrinciple& principle, std::span<const double> sums,
                   std::span<const std::int64_t> token_counts) const override {
    check_scores(sums, token_counts, request_count());
    // Summed log-probs of options are comparable only at equal length.
    for (const std::int64_t count : token_counts) {
      if (count != token_counts[0]) {
        throw std::runtime_error("judge: the options ' (A)' and ' (B)' have " +
                                 std::to_string(token_counts[0]) + " and " + std::to_string(count) +
                                 " tokens, expected the same number");
      }
    }
    const OptionLogprobs ab{sums[0], sums[1]};
    Preference out;
    if (options_.both_orders) {
      const OptionLogprobs ba{sums[2], sums[3]};
      out.p_first = combine_orders(ab, ba);
      out.flip = order_flip(ab, ba);
      out.flip_kind = "order";
    } else {
      out.p_first = sigmoid(ab.listed_first - ab.listed_second);
    }
    out.p_first = clamp_probability(out.p_first, options_.clamp_low, options_.clamp_high);
    out.entropy = binary_entropy(out.p_first);
    out.method = kMultipleChoice;
    out.principle_id = principle.id;
    out.judge_id = options_.judge_id;
    return out;
  }

 private:
  std::string example_text(const FeedbackExample& example, std::size_t slot,
                           std::uint64_t pair_id) const {
    const std::uint64_t work_id = options_.fixed_examples ? 0 : pair_id;
    const std::uint64_t seed = splitmix64(options_.seed ^ kExampleStream);
    const FeedbackPrinciple& principle = draw_feedback(*constitution_, {seed, work_id, 2 * slot});
    const bool chosen_first = draw_bits({seed, work_id, 2 * slot + 1}) % 2 == 0;
    const std::string& a = chosen_first ? example.chosen : example.rejected;
    const std::string& b = chosen_first ? example.rejected : example.chosen;
    return multiple_choice_question(example.prompt, principle, a, b) +
           (chosen_first ? " (A)" : " (B)");
  }

  // Both orders get the same examples: as many of the last ones as fit with the longer question.
  std::string example_prefix(std::uint64_t pair_id, const std::string& ab,
                             const std::string& ba) const {
    const std::size_t count = examples_ == nullptr ? 0 : examples_->size();
    for (std::size_t first = 0; first < count; ++first) {
      std::string prefix;
      for (std::size_t slot = first; slot < count; ++slot) {
        prefix += example_text((*examples_)[slot], slot, pair_id);
      }
      const std::int64_t limit = options_.max_prompt_tokens;
      if (limit <= 0 || (counter_(prefix + ab) <= limit && counter_(prefix + ba) <= limit)) {
        return prefix;
      }
    }
    return {};
  }

  // Separates the examples' draws from the pair's own principle draw under the same seed.
  static constexpr std::uint64_t kExampleStream = 0x65786D706C657321ULL;

  const Constitution* constitution_;
  const std::vector<FeedbackExample>* examples_;
  MultipleChoiceOptions options_;
  TokenCounter counter_;
};

}  // namespace

std::unique_ptr<Judge> make_multiple_choice_judge(const Constitution* constitution,
                                                  const std::vector<FeedbackExample>* examples,
                                                  MultipleChoiceOptions options,
                                                  TokenCounter counter) {
  (void)clamp_probability(0.5, options.clamp_low, options.clamp_high);
  if (options.max_prompt_tokens > 0 && !counter) {
    throw std::invalid_argument("judge: max_prompt_tokens needs a token counter");
  }
  const bool has_examples = examples != nullptr && !examples->empty();
  if (has_examples && (constitution == nullptr || constitution->feedback.empty())) {
    throw std::invalid_argument("judge: examples need a constitution with feedback principles");
  }
  return std::make_unique<MultipleChoiceJudge>(constitution, examples, std::move(options),
                                               std::move(counter));
}

}  // namespace charter::feedback
