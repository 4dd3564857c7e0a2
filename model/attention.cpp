#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/fused_ops.hpp"

namespace charter::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows [begin, begin + n) of a packed [T, kv_heads * group, d] tensor as [kv_heads, group, n, d],
// no copy.
at::Tensor by_group(const at::Tensor& packed, int64_t begin, int64_t n, int64_t kv_heads) {
  return packed.narrow(0, begin, n).unflatten(1, {kv_heads, -1}).permute({1, 2, 0, 3});
}

// LibTorch's flash kernel for the CPU, sequence by sequence, reading and writing the packed tensors
// in place: slicing them with autograd would make a full-size gradient for each sequence. Query
// heads that share a key head are a dimension along which the keys have stride 0.
struct FlashAttention : Function<FlashAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<int64_t>& offsets) {
    const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads;
    at::Tensor out = at::empty_like(q);
    variable_list saved{q, k, v};
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      const int64_t begin = offsets[i], n = offsets[i + 1] - begin;
      const auto keys = by_group(k, begin, n, kv_heads).expand({-1, group, -1, -1});
      const auto values = by_group(v, begin, n, kv_heads).expand({-1, group, -1, -1});
      auto [part, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          by_group(q, begin, n, kv_heads), keys, values, 0.0, true);
      by_group(out, begin, n, kv_heads).copy_(part);
      saved.push_back(part);
      saved.push_back(lse);
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["offsets"] = offsets;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const auto offsets = ctx->saved_data["offsets"].toIntVector();
    const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads;
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      const int64_t begin = offsets[i], n = offsets[i + 1] - begin;
      const auto rows = [&](const at::Tensor& x) { return by_group(x, begin, n, kv_heads); };
      const auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          rows(grads[0]), rows(q), rows(k).expand({-1, group, -1, -1}),
          rows(v).expand({-1, group, -1, -1}), saved[3 + 2 * i], saved[4 + 2 * i], 0.0, true);
      rows(dq).copy_(gq);
      rows(dk).copy_(gk.sum(1, true));
      rows(dv).copy_(gv.sum(1, true));
    }
    return {dq, dk, dv, at::Tensor()};
  }
};

at::Tensor composed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const std::vector<int64_t>& offsets) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) lengths.push_back(offsets[i + 1] - offsets[i]);
  const auto qs = q.split_with_sizes(lengths), ks = k.split_with_sizes(lengths);
  const auto vs = v.split_with_sizes(lengths);
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto heads_first = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
    const auto out = at::scaled_dot_product_attention(heads_first(qs[i]), heads_first(ks[i]),
                                                      heads_first(vs[i]), {}, 0.0, true, {}, true);
    parts.push_back(out.squeeze(0).transpose(0, 1));
  }
  return at::cat(parts);
}

}  // namespace

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<int64_t>& offsets) {
  const bool flash = q.is_cpu() && q.scalar_type() == at::kFloat;
  return (flash ? FlashAttention::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets)
                : composed(q, k, v, offsets))
      .reshape({q.size(0), -1});
}

}  // namespace charter::model
