#include "model/matmul.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "model/cpu_float.hpp"
#include "model/kernels.hpp"
#include "model/team.hpp"

namespace charter::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// A block of b, kDepth by kWidth floats (6 MiB), is packed once and stays in the last-level cache
// while all rows of a pass over it; kRows rows of a (192 KiB), what a thread takes at a time, stay
// in its core's own.
constexpr int64_t kDepth = 1024, kWidth = 1536, kRows = 48;
constexpr int64_t kNarrow = 16;   // columns that fill whole vectors
constexpr int64_t kFewRows = 96;  // below: packing costs more than it saves

struct View {
  const float* data;
  int64_t row, column;  // floats from one row, one column to the next; one of them is 1

  [[nodiscard]] const float* at(int64_t r, int64_t c) const { return data + r * row + c * column; }
};

int64_t panels_of(int64_t columns) { return (columns + kernels().panel - 1) / kernels().panel; }

// Rows a power of two apart would share the few places of one cache set: a line more.
int64_t turned_stride(int64_t depth) { return depth + 16; }

View view(const at::Tensor& t, const char* name) {
  if (t.dim() != 2 || !is_cpu_float(t))
    throw std::invalid_argument(std::string(name) + ": expected a float32 matrix on the CPU");
  if (t.stride(0) != 1 && t.stride(1) != 1)
    throw std::invalid_argument(std::string(name) + ": expected rows or columns side by side");
  const int64_t row = t.stride(1) == 1 ? t.stride(0) : 1;
  return {t.const_data_ptr<float>(), row, t.stride(1) == 1 ? 1 : t.stride(1)};
}

// One block of b at work: rows [k0, k0 + depth), columns [n0, n0 + width), packed in panels of
// [depth, panel].
struct Block {
  int64_t k0, depth, n0, width;
  float* packed;
};

void pack_panel(const View& b, const Block& block, int64_t p) {
  const int64_t panel = kernels().panel, first = p * panel;
  const int64_t columns = std::min(panel, block.width - first);
  const float* source = b.at(block.k0, block.n0 + first);
  float* target = block.packed + first * block.depth;
  if (b.column == 1)
    kernels().pack_rows(source, b.row, block.depth, columns, target);
  else
    kernels().pack_panels(source, b.column, columns, block.depth, target);
}

struct Rows {
  const float* data;
  int64_t stride;
};

// Rows [begin, end) of a, columns [k0, k0 + depth), each side by side: in place, or through
// `turned` of (end - begin) * turned_stride(depth) floats.
Rows rows_of(const View& a, int64_t begin, int64_t end, int64_t k0, int64_t depth, float* turned) {
  const float* data = a.at(begin, k0);
  if (a.column == 1) return {data, a.row};
  kernels().transpose(data, a.column, depth, end - begin, turned, turned_stride(depth));
  return {turned, turned_stride(depth)};
}

struct MatmulTransposed : Function<MatmulTransposed> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight) {
    ctx->save_for_backward({x, weight});
    return product(x, weight.t());
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor g = grads[0].contiguous();
    variable_list result(2);
    if (ctx->needs_input_grad(0)) result[0] = product(g, saved[1]);
    if (ctx->needs_input_grad(1)) result[1] = product(g.t(), saved[0]);
    return result;
  }
};

}  // namespace

void matmul_into(const at::Tensor& a, const at::Tensor& b, at::Tensor& c, bool accumulate) {
  const View left = view(a, "a"), right = view(b, "b");
  const int64_t m = a.size(0), k = a.size(1), n = b.size(1);
  if (b.size(0) != k || c.dim() != 2 || c.size(0) != m || c.size(1) != n || c.stride(1) != 1)
    throw std::invalid_argument("matmul: shapes " + std::to_string(m) + " x " + std::to_string(k) +
                                ", " + std::to_string(b.size(0)) + " x " + std::to_string(n) +
                                " do not make the result");
  if (k == 0 && !accumulate) c.zero_();
  const int64_t ldc = c.stride(0), depth = std::min(k, kDepth);
  float* out = c.mutable_data_ptr<float>();
  const int64_t panel = kernels().panel;
  const bool narrow = n < panel && n % kNarrow == 0;  // the low rank of an adapter
  const int threads = at::get_num_threads();
  const int64_t turned_size = left.column == 1 ? 0 : kRows * turned_stride(depth);
  const auto packed = std::make_unique_for_overwrite<float[]>(panels_of(std::min(n, kWidth)) *
                                                              kernels().panel * depth);
  const auto turned = std::make_unique_for_overwrite<float[]>(threads * turned_size);
  Team::run(threads, [&](Team& team, int member) {
    for (int64_t n0 = 0; n0 < n; n0 += kWidth) {
      for (int64_t k0 = 0; k0 < k; k0 += kDepth) {
        const Block block{k0, std::min(kDepth, k - k0), n0, std::min(kWidth, n - n0), packed.get()};
        team.for_range(panels_of(block.width), 1,
                       [&](int64_t p, int64_t) { pack_panel(right, block, p); });
        team.for_range(m, kRows, [&](int64_t begin, int64_t end) {
          const Rows rows =
              rows_of(left, begin, end, k0, block.depth, turned.get() + member * turned_size);
          float* target = out + begin * ldc + n0;
          const bool add = accumulate || k0 > 0;
          if (narrow)  // the one panel is a matrix of rows `panel` apart
            kernels().small_gemm(rows.data, rows.stride, end - begin, block.packed, panel,
                                 block.depth, n, target, ldc, add);
          else
            kernels().gemm_panels(rows.data, rows.stride, end - begin, block.packed, block.width,
                                  block.depth, 0, panels_of(block.width), target, ldc, add);
        });
      }
    }
  });
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options());
  matmul_into(a, b, c, false);
  return c;
}

bool multiplies_faster(const at::Tensor& x, const at::Tensor& weight) {
  return is_cpu_float(x) && is_cpu_float(weight) && x.size(0) >= kFewRows &&
         std::min(weight.size(0), weight.size(1)) >= kernels().panel;
}

at::Tensor matmul_transposed(const at::Tensor& x, const at::Tensor& weight) {
  return multiplies_faster(x, weight) ? MatmulTransposed::apply(x.contiguous(), weight.contiguous())
                                      : at::linear(x, weight);
}

}  // namespace charter::model
