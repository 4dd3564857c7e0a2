// The numbers of a preference label (Bai et al. 2022, arXiv 2212.08073, section 4.1; order
// averaging after Lee et al. 2023, arXiv 2309.00267). Natural logarithms, doubles.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace charter::feedback {

inline constexpr const char* kMultipleChoice = "multiple_choice";
inline constexpr const char* kLikelihoodContrast = "likelihood_contrast";

// A soft label: the probability that the first response of a pair is the better one.
struct Preference {
  double p_first = 0.5;
  // Whether the label's sign hangs on an arbitrary choice of its method; flip_kind names the
  // choice. Empty: the method has no such measurement.
  std::optional<bool> flip;
  std::string flip_kind;  // "order", "length_normalization", "descriptor_halves" or ""
  double entropy = 0;     // of p_first, nats, at most ln 2
  std::string method;     // kMultipleChoice or kLikelihoodContrast
  std::string principle_id;
  std::string judge_id;  // model, method, rendering: which judge this was
};

[[nodiscard]] double sigmoid(double x);

// -p ln p - (1-p) ln(1-p); 0 at 0 and 1. Throws std::invalid_argument outside [0, 1].
[[nodiscard]] double binary_entropy(double p);

// p limited to [low, high] (0.4 and 0.6 for chain-of-thought labels, section 4.1).
// Throws std::invalid_argument unless 0 <= low <= high <= 1.
[[nodiscard]] double clamp_probability(double p, double low, double high);

// Option log-probs in one order: log p(letter of the response listed first) and of the second.
struct OptionLogprobs {
  double listed_first = 0;
  double listed_second = 0;
};

// sigmoid((l_AB - l_BA) / 2), l = listed_first - listed_second; ab lists the first response first,
// ba the second one. A constant position bias cancels.
[[nodiscard]] double combine_orders(const OptionLogprobs& ab, const OptionLogprobs& ba);

// The orders disagree on which response is better: both pick the same letter.
[[nodiscard]] bool order_flip(const OptionLogprobs& ab, const OptionLogprobs& ba);

// Sum of token log-probs and their number, of one response under the two descriptions.
struct ContrastScore {
  double good_sum = 0;
  double bad_sum = 0;
  std::int64_t tokens = 0;
};

// (good_sum - bad_sum) / tokens. Throws std::invalid_argument if tokens < 1.
[[nodiscard]] double contrast_margin(const ContrastScore& score);

// sigmoid(scale * (contrast_margin(first) - contrast_margin(second))).
[[nodiscard]] double contrast_probability(const ContrastScore& first, const ContrastScore& second,
                                          double scale);

// The response preferred by mean token log-probs is not the one preferred by sums: the label hangs
// on the length normalization.
[[nodiscard]] bool length_flip(const ContrastScore& first, const ContrastScore& second);

}  // namespace charter::feedback
