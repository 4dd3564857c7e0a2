#include "model/fused_ops.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/cpu_float.hpp"
#include "model/kernels.hpp"
#include "model/parallel.hpp"

namespace charter::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kGrainFloats = 16384;  // below this a thread's start costs more than its work

int64_t row_grain(int64_t width) { return std::max<int64_t>(1, kGrainFloats / width); }

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight,
                            double eps) {
    const at::Tensor x = input.contiguous();
    const int64_t h = x.size(-1), rows = x.numel() / h;
    at::Tensor y = at::empty_like(x);
    at::Tensor inv = at::empty({rows}, x.options());
    const float *in = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
    float *out = y.mutable_data_ptr<float>(), *r = inv.mutable_data_ptr<float>();
    parallel_for(0, rows, row_grain(h), [&](int64_t b, int64_t e) {
      kernels().rms_norm(in + b * h, w, static_cast<float>(eps), e - b, h, out + b * h, r + b);
    });
    ctx->save_for_backward({x, weight, inv});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor g = grads[0].contiguous();
    const at::Tensor &x = saved[0], &weight = saved[1], &inv = saved[2];
    const int64_t h = x.size(-1), rows = x.numel() / h;
    at::Tensor dx = at::empty_like(x), dw;
    const float *gp = g.const_data_ptr<float>(), *xp = x.const_data_ptr<float>();
    const float *wp = weight.const_data_ptr<float>(), *rp = inv.const_data_ptr<float>();
    float* out = dx.mutable_data_ptr<float>();
    parallel_for(0, rows, row_grain(h), [&](int64_t b, int64_t e) {
      kernels().rms_norm_backward(gp + b * h, xp + b * h, wp, rp + b, e - b, h, out + b * h);
    });
    if (ctx->needs_input_grad(1)) {
      dw = at::einsum("rh,rh,r->h", {g.view({rows, h}), x.view({rows, h}), inv});
    }
    return {dx, dw, at::Tensor()};
  }
};

struct SwiGlu : Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_in,
                            const at::Tensor& up_in) {
    const at::Tensor gate = gate_in.contiguous(), up = up_in.contiguous();
    at::Tensor y = at::empty_like(gate);
    const float *gp = gate.const_data_ptr<float>(), *upp = up.const_data_ptr<float>();
    float* out = y.mutable_data_ptr<float>();
    parallel_for(0, gate.numel(), kGrainFloats, [&](int64_t b, int64_t e) {
      kernels().swiglu(gp + b, upp + b, 0, 1, e - b, out + b);
    });
    ctx->save_for_backward({gate, up});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor g = grads[0].contiguous();
    at::Tensor d_gate = at::empty_like(saved[0]), d_up = at::empty_like(saved[1]);
    const float *gp = g.const_data_ptr<float>(), *gate = saved[0].const_data_ptr<float>();
    const float* up = saved[1].const_data_ptr<float>();
    float *dg = d_gate.mutable_data_ptr<float>(), *du = d_up.mutable_data_ptr<float>();
    parallel_for(0, g.numel(), kGrainFloats, [&](int64_t b, int64_t e) {
      kernels().swiglu_backward(gp + b, gate + b, up + b, e - b, dg + b, du + b);
    });
    return {d_gate, d_up};
  }
};

at::Tensor rotate(const at::Tensor& input, const at::Tensor& cos, const at::Tensor& sin,
                  float direction) {
  const at::Tensor x = input.contiguous();
  const int64_t rows = x.size(0), heads = x.size(1), d = x.size(2), half = d / 2;
  at::Tensor y = at::empty_like(x);
  const float *xp = x.const_data_ptr<float>(), *c = cos.const_data_ptr<float>();
  const float* s = sin.const_data_ptr<float>();
  float* out = y.mutable_data_ptr<float>();
  parallel_for(0, rows, row_grain(heads * d), [&](int64_t b, int64_t e) {
    for (int64_t r = b; r < e; ++r) {
      kernels().rope(xp + r * heads * d, c + r * half, s + r * half, heads, d, direction,
                     out + r * heads * d);
    }
  });
  return y;
}

struct Rope : Function<Rope> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    ctx->save_for_backward({cos, sin});
    return rotate(x, cos, sin, 1.0f);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    return {rotate(grads[0], saved[0], saved[1], -1.0f), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (is_cpu_float(x) && is_cpu_float(weight)) return RmsNorm::apply(x, weight.contiguous(), eps);
  return x * at::rsqrt(at::mean(x * x, -1, true) + eps) * weight;
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (is_cpu_float(gate) && is_cpu_float(up)) return SwiGlu::apply(gate, up);
  return at::silu(gate) * up;
}

at::Tensor apply_rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (is_cpu_float(x)) return Rope::apply(x, cos.contiguous(), sin.contiguous());
  const auto halves = x.chunk(2, -1);
  const at::Tensor c = cos.unsqueeze(1).to(x.scalar_type()),
                   s = sin.unsqueeze(1).to(x.scalar_type());
  return at::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1);
}

}  // namespace charter::model
