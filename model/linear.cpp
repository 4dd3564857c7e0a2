#include "model/linear.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/matmul.hpp"

namespace charter::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// The adapted layer as one operation: the adapter's product is added where the layer's lies.
struct Adapted : Function<Adapted> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& a, const at::Tensor& b, double scale) {
    const at::Tensor low = product(x, a.t()).mul_(scale);  // [N, r]
    at::Tensor y = product(x, weight.t());
    matmul_into(low, b.t(), y, true);
    ctx->save_for_backward({x, weight, a, b, low});
    ctx->saved_data["scale"] = scale;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &a = saved[2], &b = saved[3];
    const at::Tensor g = grads[0].contiguous();
    const at::Tensor low = product(g, b).mul_(ctx->saved_data["scale"].toDouble());  // [N, r]
    variable_list result(5);
    if (ctx->needs_input_grad(0)) {
      result[0] = product(g, weight);
      matmul_into(low, a, result[0], true);
    }
    if (ctx->needs_input_grad(1)) result[1] = product(g.t(), x);
    if (ctx->needs_input_grad(2)) result[2] = product(x.t(), low).t();  // few columns, not few rows
    if (ctx->needs_input_grad(3)) result[3] = product(g.t(), saved[4]);
    return result;
  }
};

}  // namespace

at::Tensor forward(const Linear& linear, const at::Tensor& x) {
  at::Tensor y;
  if (!linear.has_adapter()) {
    y = matmul_transposed(x, linear.weight);
  } else if (multiplies_faster(x, linear.weight)) {
    y = Adapted::apply(x.contiguous(), linear.weight.contiguous(), linear.lora_a.contiguous(),
                       linear.lora_b.contiguous(), linear.lora_scale);
  } else {
    y = at::addmm(at::linear(x, linear.weight), at::linear(x, linear.lora_a), linear.lora_b.t(),
                  1.0, linear.lora_scale);
  }
  return linear.bias.defined() ? y + linear.bias : y;
}

at::Tensor merged_weight(const Linear& linear) {
  const at::NoGradGuard no_grad;
  const at::Tensor weight = linear.weight.detach();
  if (!linear.has_adapter()) return weight;
  return at::addmm(weight, linear.lora_b.detach(), linear.lora_a.detach(), 1.0, linear.lora_scale);
}

}  // namespace charter::model
