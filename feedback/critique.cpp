#include "feedback/critique.hpp"

#include <stdexcept>

namespace charter::feedback {
namespace {

std::string join_examples(const std::vector<CritiqueExample>& examples, std::size_t first,
                          bool with_critique) {
  std::string out;
  for (std::size_t i = first; i < examples.size(); ++i) {
    out += with_critique ? examples[i].text : examples[i].without_critique;
  }
  return out;
}

void check(const Conversation& prompt, const Constitution* constitution,
           const ChainOptions& options, const TokenCounter& counter) {
  if (options.rounds < 1) {
    throw std::invalid_argument("critique chain: rounds = " + std::to_string(options.rounds) +
                                ", expected at least 1");
  }
  if (constitution == nullptr || constitution->critiques.empty()) {
    throw std::invalid_argument("critique chain: the constitution has no critique principle");
  }
  if (prompt.empty() || prompt.back().role != Role::kHuman) {
    throw std::invalid_argument("critique chain: the prompt does not end on a human turn");
  }
  if ((options.max_prompt_tokens > 0 || options.max_fewshot_tokens > 0) && !counter) {
    throw std::invalid_argument("critique chain: a token limit needs a token counter");
  }
}

}  // namespace

std::vector<std::string> chain_stop_strings() {
  return {std::string(kHumanMarker), std::string(kAssistantMarker),
          "\n\nCritiqueRequest:", "\n\nRevisionRequest:"};
}

std::string clean_sample(std::string_view sample) {
  std::size_t end = sample.size();
  for (const std::string& stop : chain_stop_strings()) {
    end = std::min(end, sample.find(stop));
  }
  return std::string(trim(sample.substr(0, end)));
}

CritiqueChain::CritiqueChain(Conversation prompt, const Constitution* constitution,
                             const std::vector<CritiqueExample>* examples, ChainOptions options,
                             TokenCounter counter)
    : prompt_(std::move(prompt)),
      constitution_(constitution),
      examples_(examples),
      options_(options),
      counter_(std::move(counter)) {
  check(prompt_, constitution_, options_, counter_);
  prepare();
}

const std::string& CritiqueChain::last_response() const {
  return result_.rounds.empty() ? result_.initial : result_.rounds.back().revision;
}

// What follows the examples. A direct revision is a revision step without a critique before it.
std::string CritiqueChain::task_text(const CritiquePrinciple& principle) const {
  std::string text = render_prompt(prompt_) + " " + last_response();
  const bool critique_part = step_ == ChainStep::kCritique || !critique_.empty();
  if (critique_part) {
    text += "\n\nCritiqueRequest: " + principle.critique_request + "\n\nCritique:";
  }
  if (step_ == ChainStep::kRevision) {
    if (critique_part) text += " " + critique_;
    text += "\n\nRevisionRequest: " + principle.revision_request + "\n\nRevision:";
  }
  return text;
}

void CritiqueChain::prepare() {
  ChainRequest request;
  request.stop = chain_stop_strings();
  request.step = step_;
  request.round = round_;
  const auto too_long = [this](const std::string& text, std::int64_t limit) {
    return limit > 0 && counter_(text) > limit;
  };
  if (step_ == ChainStep::kInitial) {
    request.text = render_prompt(prompt_);
    request.fits = !too_long(request.text, options_.max_prompt_tokens);
    request_ = std::move(request);
    return;
  }
  const CritiquePrinciple& principle = draw_critique(
      *constitution_, {options_.seed, options_.work_id, static_cast<std::uint64_t>(round_)});
  request.principle_id = principle.id;
  const std::string task = task_text(principle);
  const bool with_critique = step_ == ChainStep::kCritique || !critique_.empty();
  const std::size_t count = examples_ == nullptr ? 0 : examples_->size();
  for (std::size_t first = 0;; ++first) {
    const std::string block =
        first < count ? join_examples(*examples_, first, with_critique) : std::string();
    request.text = block + task;
    request.dropped_examples = static_cast<int>(first);
    request.fits = !too_long(request.text, options_.max_prompt_tokens);
    const bool block_fits = block.empty() || !too_long(block, options_.max_fewshot_tokens);
    if ((request.fits && block_fits) || first >= count) break;
  }
  request_ = std::move(request);
}

void CritiqueChain::finish_round(std::string revision) {
  ChainRound round{request_->principle_id, std::move(critique_), std::move(revision), false};
  critique_.clear();
  if (round.revision.empty()) {
    round.revision = last_response();
    round.kept = true;
  }
  result_.rounds.push_back(std::move(round));
}

void CritiqueChain::accept(std::string_view sample) {
  if (done()) throw std::logic_error("critique chain: a sample came after the chain was done");
  std::string text = clean_sample(sample);
  result_.dropped_examples += request_->dropped_examples;
  if (text.empty()) ++result_.empty_outputs;
  if (step_ == ChainStep::kCritique) {
    critique_ = std::move(text);
    step_ = ChainStep::kRevision;
    prepare();
    return;
  }
  bool more = true;
  if (step_ == ChainStep::kInitial) {
    result_.initial = std::move(text);
    more = !result_.initial.empty();
  } else {
    finish_round(std::move(text));
    more = round_ < options_.rounds;
  }
  if (!more) {
    request_.reset();
    return;
  }
  ++round_;
  step_ = options_.with_critique ? ChainStep::kCritique : ChainStep::kRevision;
  prepare();
}

}  // namespace charter::feedback
