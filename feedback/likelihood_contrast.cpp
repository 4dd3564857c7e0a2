#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "feedback/judge.hpp"
#include "feedback/judge_checks.hpp"

namespace charter::feedback {
namespace {

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view item = trim(list.substr(begin, end - begin));
    if (!item.empty()) items.emplace_back(item);
    begin = end + 1;
  }
  return items;
}

std::string join(const std::vector<std::string>& items, std::size_t from, std::size_t to) {
  std::string out;
  for (std::size_t i = from; i < to; ++i) {
    out += (i == from ? "" : ", ") + items[i];
  }
  return out;
}

// The first and the second half of a comma-separated list; a list of one is its own half twice.
std::pair<std::string, std::string> halves(std::string_view list) {
  const std::vector<std::string> items = split_list(list);
  if (items.size() < 2) return {std::string(list), std::string(list)};
  const std::size_t middle = (items.size() + 1) / 2;
  return {join(items, 0, middle), join(items, middle, items.size())};
}

bool has_halves(const Contrast& contrast) {
  return split_list(contrast.good).size() > 1 && split_list(contrast.bad).size() > 1;
}

// Scores of one response pair under one good and one bad description, from four requests on.
std::pair<ContrastScore, ContrastScore> scores_at(std::span<const double> sums,
                                                  std::span<const std::int64_t> token_counts,
                                                  std::size_t at) {
  if (token_counts[at] != token_counts[at + 1] || token_counts[at + 2] != token_counts[at + 3]) {
    throw std::runtime_error(
        "judge: one response has another number of tokens under the good and "
        "the bad description, expected the same");
  }
  return {{sums[at], sums[at + 1], token_counts[at]},
          {sums[at + 2], sums[at + 3], token_counts[at + 2]}};
}

double margin_gap(const std::pair<ContrastScore, ContrastScore>& scores) {
  return contrast_margin(scores.first) - contrast_margin(scores.second);
}

class LikelihoodContrastJudge : public Judge {
 public:
  explicit LikelihoodContrastJudge(LikelihoodContrastOptions options)
      : options_(std::move(options)) {}

  std::size_t request_count() const override {
    return options_.flip == ContrastFlip::kDescriptorHalves ? 12 : 4;
  }

  std::vector<ScoreRequest> requests(const ResponsePair& pair,
                                     const FeedbackPrinciple& principle) const override {
    check_pair(pair);
    std::vector<ScoreRequest> out;
    const auto add = [&](const std::string& good, const std::string& bad) {
      for (const std::string* response : {&pair.first, &pair.second}) {
        const std::string continuation = " " + std::string(trim(*response));
        out.push_back({contrast_context(pair.prompt, good), continuation});
        out.push_back({contrast_context(pair.prompt, bad), continuation});
      }
    };
    add(principle.contrast.good, principle.contrast.bad);
    if (options_.flip == ContrastFlip::kDescriptorHalves) {
      const auto [good_1, good_2] = halves(principle.contrast.good);
      const auto [bad_1, bad_2] = halves(principle.contrast.bad);
      add(good_1, bad_1);
      add(good_2, bad_2);
    }
    return out;
  }

  Preference label(const FeedbackPrinciple& principle, std::span<const double> sums,
                   std::span<const std::int64_t> token_counts) const override {
    check_scores(sums, token_counts, request_count());
    const auto whole = scores_at(sums, token_counts, 0);
    Preference out;
    out.p_first = clamp_probability(contrast_probability(whole.first, whole.second, options_.scale),
                                    options_.clamp_low, options_.clamp_high);
    out.entropy = binary_entropy(out.p_first);
    if (options_.flip == ContrastFlip::kLengthNormalization) {
      out.flip = length_flip(whole.first, whole.second);
      out.flip_kind = "length_normalization";
    }
    if (options_.flip == ContrastFlip::kDescriptorHalves && has_halves(principle.contrast)) {
      out.flip = margin_gap(scores_at(sums, token_counts, 4)) *
                     margin_gap(scores_at(sums, token_counts, 8)) <
                 0;
      out.flip_kind = "descriptor_halves";
    }
    out.method = kLikelihoodContrast;
    out.principle_id = principle.id;
    out.judge_id = options_.judge_id;
    return out;
  }

 private:
  LikelihoodContrastOptions options_;
};

}  // namespace

std::string contrast_context(const Conversation& prompt, std::string_view descriptors) {
  const std::string_view words = trim(descriptors);
  const bool vowel = !words.empty() &&
                     std::string_view("aeiouAEIOU").find(words.front()) != std::string_view::npos;
  return std::string("A conversation with ") + (vowel ? "an " : "a ") + std::string(words) +
         " assistant." + render_prompt(prompt);
}

std::unique_ptr<Judge> make_likelihood_contrast_judge(LikelihoodContrastOptions options) {
  (void)clamp_probability(0.5, options.clamp_low, options.clamp_high);
  if (!(options.scale > 0) || !std::isfinite(options.scale)) {
    throw std::invalid_argument("judge: scale = " + std::to_string(options.scale) +
                                ", expected a positive number");
  }
  return std::make_unique<LikelihoodContrastJudge>(std::move(options));
}

double fit_contrast_scale(std::span<const double> margins, const std::vector<bool>& first_better,
                          double max_scale) {
  if (margins.size() != first_better.size()) {
    throw std::invalid_argument("fit_contrast_scale: " + std::to_string(margins.size()) +
                                " margins and " + std::to_string(first_better.size()) +
                                " labels, expected as many");
  }
  // Derivative of the log-likelihood: falls with the scale, so its zero is found by halving.
  const auto slope = [&](double scale) {
    double sum = 0;
    for (std::size_t k = 0; k < margins.size(); ++k) {
      const double signed_margin = first_better[k] ? margins[k] : -margins[k];
      sum += signed_margin * sigmoid(-scale * signed_margin);
    }
    return sum;
  };
  if (slope(0) <= 0) return 0;
  if (slope(max_scale) >= 0) return max_scale;
  double low = 0, high = max_scale;
  for (int step = 0; step < 100; ++step) {
    const double middle = (low + high) / 2;
    (slope(middle) > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace charter::feedback
