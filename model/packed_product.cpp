#include "model/packed_product.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "model/grow.hpp"
#include "model/kernels.hpp"

namespace charter::model {
namespace {

int64_t panels_of(const PackedMatrix& m) { return (m.out + kernels().panel - 1) / kernels().panel; }

int64_t thin_width(const PackedModel::Impl& model) {
  int64_t width = 0;
  const auto consider = [&](const std::optional<PackedAdapter>& a) {
    if (a) width = std::max(width, a->a.out);
  };
  for (const PackedAdapters& layer : model.adapters) {
    for (const auto* a : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) consider(*a);
  }
  consider(model.head_adapter);
  return width;
}

}  // namespace

void PackedProduct::fit(const PackedModel::Impl& model, int64_t rows) {
  const ModelConfig& c = model.base->config;
  const int64_t widest = std::max({c.hidden_size, c.num_heads * c.head_dim, c.intermediate_size});
  grow(thin_, rows * thin_width(model));
  switch (model.base->head.precision) {
    case Precision::kFloat32:
      break;
    case Precision::kBfloat16:
      grow(bf16_rows_, rows * (widest + 1));
      break;
    case Precision::kInt8:
      grow(codes_, rows * int8_width(widest));
      grow(row_scales_, rows * int8_width(widest) / kInt8Group);
  }
}

void PackedProduct::run(Team& team, const PackedMatrix& w,
                        const std::optional<PackedAdapter>& adapter, const float* x, int64_t n,
                        float* y, bool accumulate) {
  if (w.precision != Precision::kFloat32) narrow(team, w, x, n);
  const int64_t panels = panels_of(w), thin = adapter ? panels_of(adapter->a) : 0;
  const int64_t grain = std::max<int64_t>(1, panels / (team.size() * 8));
  team.for_range(panels + thin, grain, [&](int64_t begin, int64_t end) {
    if (begin < panels) panel_range(w, x, n, begin, std::min(end, panels), y, accumulate);
    if (end > panels) {
      const PackedMatrix& a = adapter->a;
      kernels().gemm_panels(x, a.in, n, a.panels(), a.out, a.in,
                            std::max<int64_t>(0, begin - panels), end - panels, thin_.data(), a.out,
                            false);
    }
  });
  if (adapter) add_adapter(team, *adapter, n, y, w.out);
}

void PackedProduct::panel_range(const PackedMatrix& w, const float* x, int64_t n, int64_t begin,
                                int64_t end, float* y, bool accumulate) const {
  if (w.precision == Precision::kBfloat16) {
    kernels().gemm_panels_bf16(bf16_rows_.data(), n,
                               static_cast<const uint16_t*>(w.data.const_data_ptr()), w.out, w.in,
                               begin, end, y, w.out, accumulate);
    return;
  }
  if (w.precision == Precision::kFloat32) {
    kernels().gemm_panels(x, w.in, n, w.panels(), w.out, w.in, begin, end, y, w.out, accumulate);
    return;
  }
  kernels().gemm_panels_int8(codes_.data(), row_scales_.data(), n, w.data.const_data_ptr<int8_t>(),
                             w.scales.const_data_ptr<float>(), w.offsets.const_data_ptr<int32_t>(),
                             w.out, w.in, begin, end, y, w.out, accumulate);
}

void PackedProduct::narrow(Team& team, const PackedMatrix& w, const float* x, int64_t n) {
  const int64_t in = w.in;
  if (w.precision == Precision::kBfloat16) {
    const int64_t padded = (in + 1) / 2 * 2;
    team.for_each(
        n, [&](int64_t r) { kernels().bf16_row(x + r * in, in, bf16_rows_.data() + r * padded); });
    return;
  }
  const int64_t width = int8_width(in), groups = width / kInt8Group;
  team.for_each(n, [&](int64_t r) {
    kernels().quantize_row(x + r * in, in, codes_.data() + r * width,
                           row_scales_.data() + r * groups);
  });
}

void PackedProduct::add_adapter(Team& team, const PackedAdapter& adapter, int64_t n, float* y,
                                int64_t ldy) const {
  for (const PackedAdapter::Part& part : adapter.parts) {
    const PackedMatrix& b = part.b;
    team.for_range(panels_of(b), 4, [&](int64_t begin, int64_t end) {
      kernels().gemm_panels(thin_.data() + part.column, adapter.a.out, n, b.panels(), b.out, b.in,
                            begin, end, y + part.out, ldy, true);
    });
  }
}

}  // namespace charter::model
