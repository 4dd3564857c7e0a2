// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) in PyTorch's form:
// theta -= lr * (m_hat / (sqrt(v_hat) + eps) + weight_decay * theta). One fused pass over
// parameters, on the parameters' device. Used by one actor, not thread-safe.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace charter::model {

enum class Schedule {
  kConstant,
  kLinear,  // from lr at the end of the warm-up to 0 at total_steps
  kCosine,  // half a cosine over the same range
};

struct AdamWOptions {
  double lr = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.0;  // of every parameter
  int64_t warmup_steps = 0;   // step k of the warm-up (from 1) runs at lr * k / warmup_steps
  Schedule schedule = Schedule::kConstant;
  int64_t total_steps = 0;  // needed by kLinear and kCosine; steps beyond it run at rate 0
};

// Learning rate of the step after `completed_steps`.
[[nodiscard]] double learning_rate(const AdamWOptions& options, int64_t completed_steps);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Invariants: 1. the parameters are the caller's tensors, updated in place; 2. moments are float32
// of the parameters' shapes; 3. a step that throws has changed nothing.
class AdamW {
 public:
  // Throws std::invalid_argument on no parameters, a parameter that is not a float32 leaf requiring
  // gradients, a name given twice, or options out of range.
  AdamW(NamedTensors parameters, AdamWOptions options);

  // Scales gradients so that their joint norm is at most max_grad_norm (<= 0: no limit), updates,
  // and returns the norm before scaling. Parameters without a gradient, and their moments, stay as
  // they are. Throws std::runtime_error naming a parameter whose gradient is not finite.
  double step(double max_grad_norm);
  void zero_grad();

  [[nodiscard]] int64_t steps() const { return steps_; }
  [[nodiscard]] double next_learning_rate() const { return learning_rate(options_, steps_); }
  [[nodiscard]] const NamedTensors& parameters() const { return parameters_; }

  // Moments as "exp_avg.NAME" and "exp_avg_sq.NAME". They share memory with the optimizer.
  [[nodiscard]] std::map<std::string, at::Tensor> state() const;
  // Copies `state` in. Throws std::runtime_error naming a tensor that is missing or misshapen;
  // nothing is changed then. Tensors of other names are passed over.
  void load_state(const std::map<std::string, at::Tensor>& state, int64_t steps);

 private:
  NamedTensors parameters_;
  AdamWOptions options_;
  std::vector<at::Tensor> exp_avg_, exp_avg_sq_;
  int64_t steps_ = 0;
};

}  // namespace charter::model
