#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "model/cpu_float.hpp"
#include "model/fused_ops.hpp"

namespace charter::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows [begin, end) of a packed [T, kv_heads * group, d] tensor as [kv_heads, group, n, d], no
// copy.
at::Tensor by_group(const at::Tensor& packed, int64_t begin, int64_t end, int64_t kv_heads) {
  return packed.narrow(0, begin, end - begin).unflatten(1, {kv_heads, -1}).permute({1, 2, 0, 3});
}

// One call of LibTorch's flash kernel for the CPU: rows of queries on rows of keys.
struct Call {
  int64_t q_begin, q_end, k_begin, k_end;
  bool causal;  // each segment on itself; otherwise on the segment it follows
};

// Each segment on itself, then all segments of one prefix together on that.
std::vector<Call> calls_of(const std::vector<Segment>& segments) {
  std::vector<Call> calls;
  for (const Segment& s : segments) calls.push_back({s.begin, s.end, s.begin, s.end, true});
  for (size_t i = 0; i < segments.size();) {
    const int64_t prefix = segments[i].prefix;
    const size_t first = i++;
    if (prefix < 0) continue;
    while (i < segments.size() && segments[i].prefix == prefix) ++i;
    const Segment& shared = segments[static_cast<size_t>(prefix)];
    calls.push_back({segments[first].begin, segments[i - 1].end, shared.begin, shared.end, false});
  }
  return calls;
}

// Attention reads and writes the packed tensors in place: slicing them with autograd would make a
// full-size gradient for each sequence. Query heads that share a key head are a dimension along
// which the keys have stride 0. Two calls of the same queries are joined by their normalizers, as
// flash attention joins its blocks (Dao et al. 2022, arXiv:2205.14135), and each call's gradient
// follows from the joint output and normalizer.
struct FlashAttention : Function<FlashAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<Segment>& segments) {
    const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads;
    at::Tensor out = at::empty_like(q);
    at::Tensor normalizers = at::empty({kv_heads, q.size(0), group}, q.options());
    const std::vector<Call> calls = calls_of(segments);
    for (const Call& call : calls) {
      auto [part, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          by_group(q, call.q_begin, call.q_end, kv_heads), shared_heads(k, call, kv_heads, group),
          shared_heads(v, call, kv_heads, group), 0.0, call.causal);
      at::Tensor rows = by_group(out, call.q_begin, call.q_end, kv_heads);
      at::Tensor all = normalizers_of(normalizers, call);
      if (call.causal) {
        rows.copy_(part);
        all.copy_(lse);
      } else {
        const at::Tensor joint = at::logaddexp(all, lse);
        rows.mul_((all - joint).exp_().unsqueeze(3)).add_(part * (lse - joint).exp_().unsqueeze(3));
        all.copy_(joint);
      }
    }
    ctx->save_for_backward({q, k, v, out, normalizers});
    ctx->saved_data["calls"] = flat(calls);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads;
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    for (const Call& call : unflattened(ctx->saved_data["calls"].toIntVector())) {
      const auto queries = [&](const at::Tensor& x) {
        return by_group(x, call.q_begin, call.q_end, kv_heads);
      };
      const auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          queries(grads[0]), queries(q), shared_heads(k, call, kv_heads, group),
          shared_heads(v, call, kv_heads, group), queries(saved[3]), normalizers_of(saved[4], call),
          0.0, call.causal);
      const auto put = [&](at::Tensor target, const at::Tensor& part) {
        call.causal ? target.copy_(part) : target.add_(part);
      };
      put(queries(dq), gq);
      put(by_group(dk, call.k_begin, call.k_end, kv_heads), gk.sum(1, true));
      put(by_group(dv, call.k_begin, call.k_end, kv_heads), gv.sum(1, true));
    }
    return {dq, dk, dv, at::Tensor()};
  }

 private:
  static at::Tensor shared_heads(const at::Tensor& x, const Call& call, int64_t kv_heads,
                                 int64_t group) {
    return by_group(x, call.k_begin, call.k_end, kv_heads).expand({-1, group, -1, -1});
  }

  // [kv_heads, group, n] of the call's queries.
  static at::Tensor normalizers_of(const at::Tensor& all, const Call& call) {
    return all.narrow(1, call.q_begin, call.q_end - call.q_begin).transpose(1, 2);
  }

  static std::vector<int64_t> flat(const std::vector<Call>& calls) {
    std::vector<int64_t> result;
    for (const Call& c : calls)
      result.insert(result.end(), {c.q_begin, c.q_end, c.k_begin, c.k_end, c.causal});
    return result;
  }

  static std::vector<Call> unflattened(const std::vector<int64_t>& flat) {
    std::vector<Call> result;
    for (size_t i = 0; i < flat.size(); i += 5)
      result.push_back({flat[i], flat[i + 1], flat[i + 2], flat[i + 3], flat[i + 4] != 0});
    return result;
  }
};

// Of at:: operators with a graph: each segment on its prefix and itself.
at::Tensor composed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const std::vector<Segment>& segments) {
  std::vector<at::Tensor> parts;
  for (const Segment& s : segments) {
    const auto own = [&s](const at::Tensor& x) { return x.narrow(0, s.begin, s.end - s.begin); };
    const auto with_prefix = [&](const at::Tensor& x) {
      if (s.prefix < 0) return own(x);
      const Segment& before = segments[static_cast<size_t>(s.prefix)];
      return at::cat({x.narrow(0, before.begin, before.end - before.begin), own(x)});
    };
    const auto heads_first = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
    const at::Tensor keys = with_prefix(k);
    std::optional<at::Tensor> mask;
    if (s.prefix >= 0) {
      const int64_t n = s.end - s.begin, all = keys.size(0);
      mask = at::ones({n, all}, q.options().dtype(at::kBool)).tril(all - n);
    }
    const auto out = at::scaled_dot_product_attention(heads_first(own(q)), heads_first(keys),
                                                      heads_first(with_prefix(v)), mask, 0.0,
                                                      /*is_causal=*/!mask, {}, /*enable_gqa=*/true);
    parts.push_back(out.squeeze(0).transpose(0, 1));
  }
  return at::cat(parts);
}

}  // namespace

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<Segment>& segments) {
  return (is_cpu_float(q)
              ? FlashAttention::apply(q.contiguous(), k.contiguous(), v.contiguous(), segments)
              : composed(q, k, v, segments))
      .reshape({q.size(0), -1});
}

}  // namespace charter::model
