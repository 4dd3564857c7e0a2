#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>

#include "model/fused_ops.hpp"
#include "model/kernels.hpp"
#include "model/matmul.hpp"
#include "model/parallel.hpp"

namespace charter::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kMostKeptFloats = 64 << 20;  // logit gradients kept for the weight's gradient

// Row by row: the log-probability of the target into logprobs (when not null), and, where
// `gradient`, the logits become onehot(target) - softmax(logits / T), their gradient up to the
// factor 1/T. The entropy of the row's distribution into entropies (when not null).
void reduce_rows(at::Tensor& logits, const int64_t* targets, double temperature, float* logprobs,
                 float* entropies, bool gradient) {
  const int64_t rows = logits.size(0), vocab = logits.size(1);
  float* data = logits.mutable_data_ptr<float>();
  const float scale = static_cast<float>(1.0 / temperature);
  parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* row = data + r * vocab;
      const double lse = kernels().row_logsumexp(row, vocab, scale);
      const double chosen = static_cast<double>(row[targets[r]]) * scale;
      if (logprobs != nullptr) logprobs[r] = static_cast<float>(chosen - lse);
      if (entropies != nullptr)
        entropies[r] =
            static_cast<float>(kernels().row_entropy(row, vocab, scale, static_cast<float>(lse)));
      if (!gradient) continue;
      kernels().row_exp(row, vocab, scale, static_cast<float>(lse), -1.0f);
      row[targets[r]] += 1.0f;
    }
  });
}

at::Tensor slice_gradient(const at::Tensor& hidden, const at::Tensor& weight,
                          const at::Tensor& targets, int64_t begin, int64_t n, double temperature,
                          float* logprobs, bool gradient) {
  at::Tensor scores = matmul_transposed(hidden.narrow(0, begin, n), weight);
  reduce_rows(scores, targets.const_data_ptr<int64_t>() + begin, temperature,
              logprobs == nullptr ? nullptr : logprobs + begin, nullptr, gradient);
  return scores;
}

struct LinearLogprobs : Function<LinearLogprobs> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden,
                            const at::Tensor& weight, const at::Tensor& targets, double temperature,
                            int64_t slice, bool hidden_grad, bool weight_grad) {
    const int64_t n = hidden.size(0);
    at::Tensor logprobs = at::empty({n}, hidden.options()), direction;
    if (hidden_grad) direction = at::empty_like(hidden);
    const bool keep = weight_grad && n * weight.size(0) <= kMostKeptFloats;
    variable_list saved{hidden, weight, targets, direction};
    for (int64_t begin = 0; begin < n; begin += slice) {
      const int64_t count = std::min(slice, n - begin);
      const at::Tensor scores =
          slice_gradient(hidden, weight, targets, begin, count, temperature,
                         logprobs.mutable_data_ptr<float>(), hidden_grad || keep);
      if (hidden_grad) {
        at::Tensor rows = direction.narrow(0, begin, count);
        matmul_into(scores, weight, rows, false);
      }
      if (keep) saved.push_back(scores);
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["temperature"] = temperature;
    ctx->saved_data["slice"] = slice;
    return logprobs;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const double temperature = ctx->saved_data["temperature"].toDouble();
    const at::Tensor g = (grads[0] / temperature).unsqueeze(1);  // [n, 1]
    variable_list result(7);
    if (saved[3].defined()) result[0] = saved[3] * g;
    if (ctx->needs_input_grad(1)) {
      const at::Tensor &hidden = saved[0], &weight = saved[1];
      const int64_t n = hidden.size(0), slice = ctx->saved_data["slice"].toInt();
      const at::Tensor scaled = hidden * g;
      at::Tensor dw = n > 0 ? at::empty_like(weight) : at::zeros_like(weight);
      for (int64_t begin = 0, i = 4; begin < n; begin += slice, ++i) {
        const int64_t count = std::min(slice, n - begin);
        const at::Tensor scores = saved.size() > 4
                                      ? saved[i]
                                      : slice_gradient(hidden, weight, saved[2], begin, count,
                                                       temperature, nullptr, true);
        matmul_into(scores.t(), scaled.narrow(0, begin, count), dw, begin > 0);
      }
      result[1] = dw;
    }
    return result;
  }
};

void check_targets(const at::Tensor& targets, int64_t vocab) {
  if (targets.numel() == 0) return;
  const auto lowest = targets.min().item<int64_t>(), highest = targets.max().item<int64_t>();
  if (lowest >= 0 && highest < vocab) return;
  throw std::invalid_argument("targets: ids from " + std::to_string(lowest) + " to " +
                              std::to_string(highest) + ", expected them in [0, " +
                              std::to_string(vocab) + ")");
}

}  // namespace

at::Tensor linear_logprobs(const at::Tensor& hidden, const at::Tensor& weight,
                           const at::Tensor& targets, double temperature, int64_t slice) {
  check_targets(targets, weight.size(0));
  const bool grad = at::GradMode::is_enabled();
  return LinearLogprobs::apply(hidden.contiguous(), weight, targets.contiguous(), temperature,
                               slice, grad && hidden.requires_grad(),
                               grad && weight.requires_grad());
}

TokenScores linear_token_scores(const at::Tensor& hidden, const at::Tensor& weight,
                                const at::Tensor& targets, double temperature, int64_t slice) {
  const at::NoGradGuard no_grad;
  check_targets(targets, weight.size(0));
  const int64_t n = hidden.size(0);
  const at::Tensor ids = targets.contiguous();
  TokenScores result{at::empty({n}, hidden.options()), at::empty({n}, hidden.options())};
  for (int64_t begin = 0; begin < n; begin += slice) {
    at::Tensor scores =
        matmul_transposed(hidden.narrow(0, begin, std::min(slice, n - begin)), weight);
    reduce_rows(scores, ids.const_data_ptr<int64_t>() + begin, temperature,
                result.logprobs.mutable_data_ptr<float>() + begin,
                result.entropies.mutable_data_ptr<float>() + begin, /*gradient=*/false);
  }
  return result;
}

}  // namespace charter::model
