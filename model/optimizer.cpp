#include "model/optimizer.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <set>
#include <stdexcept>
#include <vector>

#include "model/cpu_float.hpp"
#include "model/kernels.hpp"
#include "model/parallel.hpp"

namespace charter::model {
namespace {

constexpr int64_t kNormBlock = 1 << 16;

void require(bool good, const char* name, double got, const char* expected) {
  if (good) return;
  throw std::invalid_argument(std::string(name) + ": " + std::to_string(got) + ", expected " +
                              expected);
}

void check_options(const AdamWOptions& o) {
  require(o.lr >= 0 && std::isfinite(o.lr), "lr", o.lr, ">= 0");
  require(o.beta1 >= 0 && o.beta1 < 1, "beta1", o.beta1, "[0, 1)");
  require(o.beta2 >= 0 && o.beta2 < 1, "beta2", o.beta2, "[0, 1)");
  require(o.eps > 0, "eps", o.eps, "> 0");
  require(o.weight_decay >= 0, "weight_decay", o.weight_decay, ">= 0");
  require(o.warmup_steps >= 0, "warmup_steps", static_cast<double>(o.warmup_steps), ">= 0");
  require(o.schedule == Schedule::kConstant || o.total_steps > o.warmup_steps, "total_steps",
          static_cast<double>(o.total_steps), "> warmup_steps with a decaying schedule");
}

void check_parameter(const std::string& name, const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.requires_grad() || !tensor.is_leaf() ||
      tensor.scalar_type() != at::kFloat) {
    throw std::invalid_argument("parameter " + name +
                                ": expected a float32 leaf that requires gradients");
  }
}

const at::Tensor& find_moment(const std::map<std::string, at::Tensor>& state,
                              const std::string& name, const at::Tensor& like) {
  const auto found = state.find(name);
  if (found == state.end()) throw std::runtime_error("tensor " + name + " is missing");
  if (found->second.sizes() != like.sizes()) {
    throw std::runtime_error("tensor " + name + " differs in shape from its parameter");
  }
  return found->second;
}

// The sum of squares. Its order does not depend on the number of threads.
double square_sum(const at::Tensor& grad) {
  if (!is_cpu_float(grad) || !grad.is_contiguous()) {
    const double norm = at::linalg_vector_norm(grad).item<double>();
    return norm * norm;
  }
  const int64_t n = grad.numel();
  const float* data = grad.const_data_ptr<float>();
  std::vector<double> parts(static_cast<size_t>((n + kNormBlock - 1) / kNormBlock));
  parallel_for(0, static_cast<int64_t>(parts.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      parts[static_cast<size_t>(i)] =
          kernels().sum_squares(data + i * kNormBlock, std::min(kNormBlock, n - i * kNormBlock));
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

}  // namespace

double learning_rate(const AdamWOptions& o, int64_t completed_steps) {
  if (completed_steps < o.warmup_steps) {
    return o.lr * static_cast<double>(completed_steps + 1) / static_cast<double>(o.warmup_steps);
  }
  if (o.schedule == Schedule::kConstant) return o.lr;
  const double progress = std::min(1.0, static_cast<double>(completed_steps - o.warmup_steps) /
                                            static_cast<double>(o.total_steps - o.warmup_steps));
  if (o.schedule == Schedule::kLinear) return o.lr * (1.0 - progress);
  return o.lr * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

AdamW::AdamW(NamedTensors parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options) {
  check_options(options_);
  if (parameters_.empty()) {
    throw std::invalid_argument("parameters: none, expected >= 1 that requires gradients");
  }
  std::set<std::string> names;
  for (const auto& [name, tensor] : parameters_) {
    check_parameter(name, tensor);
    if (!names.insert(name).second) throw std::invalid_argument("parameter " + name + ": twice");
    exp_avg_.push_back(at::zeros_like(tensor.detach()));
    exp_avg_sq_.push_back(at::zeros_like(tensor.detach()));
  }
}

double AdamW::step(double max_grad_norm) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values, grads, firsts, seconds;
  double sum = 0.0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& grad = parameters_[i].second.grad();
    if (!grad.defined()) continue;
    const double squares = square_sum(grad);
    if (!std::isfinite(squares)) {
      throw std::runtime_error("gradient of " + parameters_[i].first + " is not finite");
    }
    sum += squares;
    values.push_back(parameters_[i].second);
    grads.push_back(grad);
    firsts.push_back(exp_avg_[i]);
    seconds.push_back(exp_avg_sq_[i]);
  }
  const double norm = std::sqrt(sum);
  const double rate = next_learning_rate();
  ++steps_;
  if (values.empty()) return norm;
  if (max_grad_norm > 0 && norm > max_grad_norm) {
    at::_foreach_mul_(grads, max_grad_norm / (norm + 1e-6));
  }
  const std::vector<at::Tensor> count(
      values.size(), at::full({}, static_cast<double>(steps_), values[0].options()));
  at::_fused_adamw_(values, grads, firsts, seconds, /*max_exp_avg_sqs=*/{}, count, rate,
                    options_.beta1, options_.beta2, options_.weight_decay, options_.eps,
                    /*amsgrad=*/false, /*maximize=*/false);
  return norm;
}

void AdamW::zero_grad() {
  for (auto& [name, tensor] : parameters_) tensor.mutable_grad() = at::Tensor();
}

std::map<std::string, at::Tensor> AdamW::state() const {
  std::map<std::string, at::Tensor> result;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    result["exp_avg." + parameters_[i].first] = exp_avg_[i];
    result["exp_avg_sq." + parameters_[i].first] = exp_avg_sq_[i];
  }
  return result;
}

void AdamW::load_state(const std::map<std::string, at::Tensor>& state, int64_t steps) {
  if (steps < 0) {
    throw std::invalid_argument("steps: " + std::to_string(steps) + ", expected >= 0");
  }
  std::vector<at::Tensor> firsts, seconds;
  for (const auto& [name, tensor] : parameters_) {
    firsts.push_back(find_moment(state, "exp_avg." + name, tensor));
    seconds.push_back(find_moment(state, "exp_avg_sq." + name, tensor));
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    exp_avg_[i].copy_(firsts[i]);
    exp_avg_sq_[i].copy_(seconds[i]);
  }
  steps_ = steps;
}

}  // namespace charter::model
