#include "feedback/harmfulness.hpp"

#include <ATen/ATen.h>

#include <sstream>
#include <stdexcept>

namespace charter::feedback {
namespace {

void check_features(const at::Tensor& features, std::int64_t width) {
  const bool shaped = features.dim() == 2 && features.is_floating_point() &&
                      (width < 0 || features.size(1) == width);
  if (!shaped) {
    std::ostringstream message;
    message << "features: " << features.sizes() << " of " << features.dtype()
            << ", expected floating [n, " << (width < 0 ? "H" : std::to_string(width)) << "]";
    throw std::invalid_argument(message.str());
  }
}

void check_ratings(const at::Tensor& ratings, std::int64_t n) {
  if (ratings.dim() != 1 || ratings.size(0) != n) {
    std::ostringstream message;
    message << "ratings: " << ratings.sizes() << ", expected [" << n << "]";
    throw std::invalid_argument(message.str());
  }
  if (ratings.min().item<double>() < 0 || ratings.max().item<double>() > 4) {
    throw std::invalid_argument("ratings: a value outside [0, 4]");
  }
}

at::Tensor standardized(const HarmRegressor& regressor, const at::Tensor& features) {
  return (features.to(at::kDouble) - regressor.mean) / regressor.scale;
}

}  // namespace

HarmRegressor fit_harm_regressor(const at::Tensor& features, const at::Tensor& ratings,
                                 double ridge) {
  const at::NoGradGuard no_grad;
  check_features(features, -1);
  if (features.size(0) < 2 || !(ridge > 0)) {
    throw std::invalid_argument("fit_harm_regressor: " + std::to_string(features.size(0)) +
                                " rows, ridge " + std::to_string(ridge) +
                                ", expected at least 2 rows and ridge > 0");
  }
  check_ratings(ratings, features.size(0));
  const at::Tensor x = features.to(at::kDouble);
  const at::Tensor y = ratings.to(at::kDouble);
  HarmRegressor out;
  out.mean = x.mean(0);
  const at::Tensor deviation = x.std(0, /*unbiased=*/false);
  out.scale = at::where(deviation > 1e-12, deviation, at::ones_like(deviation));
  out.bias = y.mean().item<double>();
  const at::Tensor z = standardized(out, x);
  const at::Tensor target = (y - out.bias).unsqueeze(1);
  const std::int64_t n = z.size(0), width = z.size(1);
  const double penalty = ridge * static_cast<double>(n);
  // The smaller of the two equal systems: (Z'Z + pI)^-1 Z'y = Z'(ZZ' + pI)^-1 y.
  const bool primal = width <= n;
  const at::Tensor gram = primal ? z.t().mm(z) : z.mm(z.t());
  const at::Tensor system = gram + penalty * at::eye(gram.size(0), gram.options());
  const at::Tensor weight = primal ? at::linalg_solve(system, z.t().mm(target))
                                   : z.t().mm(at::linalg_solve(system, target));
  out.weight = weight.squeeze(1);
  return out;
}

at::Tensor predict_harm(const HarmRegressor& regressor, const at::Tensor& features) {
  const at::NoGradGuard no_grad;
  check_features(features, regressor.weight.size(0));
  return (standardized(regressor, features).mv(regressor.weight) + regressor.bias).clamp(0, 4);
}

HarmEvaluation evaluate_harm(const HarmRegressor& regressor, const at::Tensor& features,
                             const at::Tensor& ratings) {
  const at::NoGradGuard no_grad;
  const at::Tensor predicted = predict_harm(regressor, features);
  HarmEvaluation out;
  out.n = predicted.size(0);
  if (out.n == 0) return out;
  check_ratings(ratings, out.n);
  const at::Tensor y = ratings.to(at::kDouble);
  const double residual = (y - predicted).square().sum().item<double>();
  const double total = (y - y.mean()).square().sum().item<double>();
  out.r2 = total > 0 ? 1 - residual / total : 0;
  out.mae = (y - predicted).abs().mean().item<double>();
  out.baseline_mae = (y - regressor.bias).abs().mean().item<double>();
  return out;
}

}  // namespace charter::feedback
