// The out-of-distribution firewall (Bai et al. 2022, arXiv 2204.05862, section 5.4 and appendix
// B.9): activations of helpful prompts are fitted by a Gaussian per layer, and prompts far from it
// are suspect. Higher scores = more out of distribution. The caller chooses the token.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "feedback/calibration.hpp"

namespace charter::feedback {

// One layer's Gaussian. The paper states no shrinkage; with n prompts near or below H activations
// the sample covariance is singular, so S = (1 - shrinkage) * covariance + shrinkage * diag(D).
struct FirewallLayer {
  at::Tensor mean;       // [H] float64
  at::Tensor precision;  // [H, H] float64, S^-1
  at::Tensor variance;   // [H] float64, diagonal D, >= variance_floor
};

struct FirewallOptions {
  double shrinkage = 0.1;        // in [0, 1]; 0 needs n > H
  double variance_floor = 1e-6;  // times the mean variance; features below it are raised to it
};

// activations: [n, H] floating, n >= 2, of helpful prompts. Covariance with divisor n - 1.
// Throws std::invalid_argument on shapes, options, n < 2 or a covariance
// that is not positive definite.
[[nodiscard]] FirewallLayer fit_firewall(const at::Tensor& activations,
                                         const FirewallOptions& options = {});

// (x - mean)' S^-1 (x - mean): [n, H] -> [n] float64.
[[nodiscard]] at::Tensor mahalanobis(const FirewallLayer& layer, const at::Tensor& activations);

// Simplified relative Mahalanobis: that minus (x - mean)' D^-1 (x - mean).
[[nodiscard]] at::Tensor relative_mahalanobis(const FirewallLayer& layer,
                                              const at::Tensor& activations);

// Probability that an out-of-distribution score exceeds an in-distribution one, ties 1/2; interval
// of 95 % by bootstrap over both groups. Throws std::invalid_argument if a group is empty.
[[nodiscard]] Interval auroc(std::span<const double> in_scores, std::span<const double> out_scores);
[[nodiscard]] Interval auroc(const at::Tensor& in_scores, const at::Tensor& out_scores);

}  // namespace charter::feedback
