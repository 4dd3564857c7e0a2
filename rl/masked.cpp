#include "rl/masked.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>
#include <stdexcept>

namespace charter::rl {
namespace {

at::Tensor valid(const at::Tensor& x, const at::Tensor& mask) {
  check_same_shape("mask", mask, x);
  if (mask.scalar_type() != at::kBool) throw std::invalid_argument("mask: expected dtype bool");
  return x.detach().masked_select(mask).to(at::kDouble);
}

}  // namespace

void check_same_shape(const char* name, const at::Tensor& x, const at::Tensor& expected) {
  if (x.sizes() == expected.sizes()) return;
  std::ostringstream message;
  message << name << ": " << x.sizes() << ", expected " << expected.sizes();
  throw std::invalid_argument(message.str());
}

double masked_mean(const at::Tensor& x, const at::Tensor& mask) {
  const at::Tensor values = valid(x, mask);
  return values.numel() == 0 ? 0.0 : values.mean().item<double>();
}

double masked_variance(const at::Tensor& x, const at::Tensor& mask) {
  const at::Tensor values = valid(x, mask);
  return values.numel() < 2 ? 0.0 : values.var(/*unbiased=*/true).item<double>();
}

at::Tensor whiten(const at::Tensor& x, const at::Tensor& mask) {
  const at::Tensor values = valid(x, mask);
  const at::Tensor zero = at::zeros({}, x.options());
  if (values.numel() < 2) return at::where(mask, x.detach(), zero);
  const double mean = values.mean().item<double>();
  const double variance = values.var(/*unbiased=*/true).item<double>();
  return at::where(mask, (x.detach() - mean) / std::sqrt(variance + 1e-8), zero);
}

}  // namespace charter::rl
