#include "feedback/firewall.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "feedback/stats.hpp"

namespace charter::feedback {
namespace {

constexpr int kResamples = 2000;  // of the bootstrap
constexpr double kConfidence = 0.95;

void check_rows(const char* name, const at::Tensor& rows, std::int64_t least, std::int64_t width) {
  const bool shaped = rows.dim() == 2 && rows.is_floating_point() && rows.size(0) >= least &&
                      (width < 0 || rows.size(1) == width);
  if (!shaped) {
    std::ostringstream message;
    message << name << ": " << rows.sizes() << " of " << rows.dtype()
            << ", expected floating [n >= " << least << ", "
            << (width < 0 ? "H" : std::to_string(width)) << "]";
    throw std::invalid_argument(message.str());
  }
}

// AUROC by ranks (Mann-Whitney): `values` hold both groups, is_out tells them apart.
double rank_auroc(std::span<const double> in_scores, std::span<const double> out_scores) {
  std::vector<double> in(in_scores.begin(), in_scores.end());
  std::sort(in.begin(), in.end());
  double wins = 0;
  for (const double score : out_scores) {
    const auto [below, above] = std::equal_range(in.begin(), in.end(), score);
    wins += static_cast<double>(below - in.begin()) + static_cast<double>(above - below) / 2;
  }
  return wins / (static_cast<double>(in.size()) * static_cast<double>(out_scores.size()));
}

std::vector<double> resample(std::span<const double> values, IndexStream* stream) {
  std::vector<double> out;
  out.reserve(values.size());
  for (std::size_t k = 0; k < values.size(); ++k)
    out.push_back(values[stream->next(values.size())]);
  return out;
}

at::Tensor as_scores(const at::Tensor& scores) {
  if (scores.dim() != 1) throw std::invalid_argument("auroc: scores are not [n]");
  return scores.to(at::kDouble).contiguous();
}

std::span<const double> view(const at::Tensor& scores) {
  return {scores.const_data_ptr<double>(), static_cast<std::size_t>(scores.numel())};
}

}  // namespace

FirewallLayer fit_firewall(const at::Tensor& activations, const FirewallOptions& options) {
  const at::NoGradGuard no_grad;
  check_rows("activations", activations, 2, -1);
  if (!(options.shrinkage >= 0 && options.shrinkage <= 1) || !(options.variance_floor >= 0)) {
    throw std::invalid_argument("firewall: shrinkage " + std::to_string(options.shrinkage) +
                                ", variance_floor " + std::to_string(options.variance_floor) +
                                ", expected [0, 1] and >= 0");
  }
  const at::Tensor x = activations.to(at::kDouble);
  FirewallLayer layer;
  layer.mean = x.mean(0);
  const at::Tensor centered = x - layer.mean;
  const at::Tensor covariance = centered.t().mm(centered) / static_cast<double>(x.size(0) - 1);
  const at::Tensor variance = covariance.diagonal();
  layer.variance = variance.clamp_min(options.variance_floor * variance.mean().item<double>());
  const at::Tensor shrunk =
      (1 - options.shrinkage) * covariance + options.shrinkage * at::diag(layer.variance);
  const auto [factor, info] = at::linalg_cholesky_ex(shrunk);
  if (info.item<std::int64_t>() != 0) {
    throw std::invalid_argument("firewall: covariance of " + std::to_string(x.size(0)) +
                                " activations of width " + std::to_string(x.size(1)) +
                                " is not positive definite, expected more rows or shrinkage > 0");
  }
  layer.precision = at::cholesky_inverse(factor);
  return layer;
}

at::Tensor mahalanobis(const FirewallLayer& layer, const at::Tensor& activations) {
  const at::NoGradGuard no_grad;
  check_rows("activations", activations, 0, layer.mean.size(0));
  const at::Tensor d = activations.to(at::kDouble) - layer.mean;
  return (d.mm(layer.precision) * d).sum(1);
}

at::Tensor relative_mahalanobis(const FirewallLayer& layer, const at::Tensor& activations) {
  const at::NoGradGuard no_grad;
  const at::Tensor full = mahalanobis(layer, activations);
  const at::Tensor d = activations.to(at::kDouble) - layer.mean;
  return full - (d.square() / layer.variance).sum(1);
}

Interval auroc(std::span<const double> in_scores, std::span<const double> out_scores) {
  if (in_scores.empty() || out_scores.empty()) {
    throw std::invalid_argument("auroc: " + std::to_string(in_scores.size()) + " in and " +
                                std::to_string(out_scores.size()) +
                                " out scores, expected at least 1 of each");
  }
  IndexStream stream(/*seed=*/0);
  std::vector<double> resampled;
  for (int r = 0; r < kResamples; ++r) {
    const std::vector<double> in = resample(in_scores, &stream);
    resampled.push_back(rank_auroc(in, resample(out_scores, &stream)));
  }
  return percentile_interval(rank_auroc(in_scores, out_scores), std::move(resampled), kConfidence);
}

Interval auroc(const at::Tensor& in_scores, const at::Tensor& out_scores) {
  const at::Tensor in = as_scores(in_scores), out = as_scores(out_scores);
  return auroc(view(in), view(out));
}

}  // namespace charter::feedback
