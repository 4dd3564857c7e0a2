#include "feedback/datasets.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "feedback/counter_rng.hpp"

namespace charter::feedback {

std::string_view name(LabelSource source) {
  switch (source) {
    case LabelSource::kHuman:
      return "human";
    case LabelSource::kAi:
      return "ai";
    case LabelSource::kAuthored:
      break;
  }
  return "authored";
}

std::string_view name(Split split) { return split == Split::kTrain ? "train" : "held_out"; }

Split split_of(std::string_view key) {
  return stable_hash(key) % 10 == 0 ? Split::kHeldOut : Split::kTrain;
}

std::int64_t pmp_score(const ScoredAnswer& answer) {
  const std::int64_t votes =
      answer.votes < 0 ? -1 : std::llround(std::log2(1.0 + static_cast<double>(answer.votes)));
  return votes + (answer.accepted ? 1 : 0);
}

std::vector<std::pair<std::size_t, std::size_t>> pmp_pairs(const PmpQuestion& question,
                                                           std::size_t max_pairs,
                                                           std::uint64_t seed) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < question.answers.size(); ++i) {
    for (std::size_t j = i + 1; j < question.answers.size(); ++j) {
      if (question.answers[i].text == question.answers[j].text) continue;
      const std::int64_t gap = pmp_score(question.answers[i]) - pmp_score(question.answers[j]);
      if (gap > 0) pairs.emplace_back(i, j);
      if (gap < 0) pairs.emplace_back(j, i);
    }
  }
  if (pairs.size() <= max_pairs) return pairs;
  // Partial Fisher-Yates: the first max_pairs places get a uniform choice.
  const std::uint64_t work_id = stable_hash(question.id);
  for (std::size_t k = 0; k < max_pairs; ++k) {
    std::swap(pairs[k], pairs[k + draw_index({seed, work_id, k}, pairs.size() - k)]);
  }
  pairs.resize(max_pairs);
  return pairs;
}

}  // namespace charter::feedback
