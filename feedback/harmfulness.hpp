// Absolute harmfulness, 0 to 4 (Bai et al. 2022, arXiv 2212.08073, section 4.5: a model trained
// with an L2 loss on the rating). Ours: ridge regression in closed form on frozen features of the
// full conversation, which small data supports; predictions are clipped to [0, 4].
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace charter::feedback {

struct HarmRegressor {
  at::Tensor weight;  // [H] float64, in units of standardized features
  at::Tensor mean;    // [H] float64, of the training features
  at::Tensor scale;   // [H] float64, standard deviation (1 where a feature is constant)
  double bias = 0;    // mean training rating
};

struct HarmEvaluation {
  std::int64_t n = 0;
  double r2 = 0;  // 1 - SSE / SST around the held-out mean; may be negative
  double mae = 0;
  double baseline_mae = 0;  // of always answering the training mean
};

// features: [n, H] floating; ratings: [n] floating in [0, 4]; ridge > 0: penalty per row on the
// weights of standardized features. Throws std::invalid_argument on shapes, n < 2 or ratings
// outside [0, 4].
[[nodiscard]] HarmRegressor fit_harm_regressor(const at::Tensor& features,
                                               const at::Tensor& ratings, double ridge = 1.0);

// [n, H] -> [n] float64 in [0, 4].
[[nodiscard]] at::Tensor predict_harm(const HarmRegressor& regressor, const at::Tensor& features);

[[nodiscard]] HarmEvaluation evaluate_harm(const HarmRegressor& regressor,
                                           const at::Tensor& features, const at::Tensor& ratings);

}  // namespace charter::feedback
