// Matrix products on weights packed in panels; included by kernels_impl.hpp once per instruction
// set. A panel holds kPanel outputs: element (k, j) of panel p is W[p * kPanel + j][k], so that one
// step along k reads kPanel neighbouring floats and every row of x is a broadcast. Sums run over k
// in order whatever the number of rows: a row's result does not depend on the rows computed beside
// it.
#include <cstring>

namespace charter::model {
namespace {

#ifdef __AVX512F__
constexpr int kLanes = 16, kRegisters = 24;
#else
constexpr int kLanes = 8, kRegisters = 12;
#endif
using Vec [[gnu::vector_size(kLanes * sizeof(float))]] = float;
using LooseVec [[gnu::vector_size(kLanes * sizeof(float)), gnu::aligned(4)]] = float;

constexpr int kPanelVecs = 3;
constexpr int kPanel = kPanelVecs * kLanes;  // 24 or 48: both divide the usual layer widths

inline Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }

// c[m][0 .. NV * kLanes) (+)= sum_k a[m][k] * b[k][..], for M rows.
template <int M, int NV>
inline void tile(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t k, float* c,
                 int64_t ldc, bool accumulate) {
  Vec acc[M][NV] = {};
  for (int64_t i = 0; i < k; ++i) {
    Vec row[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) row[v] = load(b + i * ldb + v * kLanes);
#pragma GCC unroll 24
    for (int m = 0; m < M; ++m) {
      const float x = a[m * lda + i];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[m][v] += x * row[v];
    }
  }
#pragma GCC unroll 24
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      float* out = c + m * ldc + v * kLanes;
      store(out, accumulate ? acc[m][v] + load(out) : acc[m][v]);
    }
  }
}

// Any number of rows with NV vectors of columns, in the largest tiles that fit the registers.
template <int NV, int M = kRegisters / NV>
inline void tiles(const float* a, int64_t lda, int64_t rows, const float* b, int64_t ldb, int64_t k,
                  float* c, int64_t ldc, bool accumulate) {
  for (; rows >= M; rows -= M, a += M * lda, c += M * ldc) {
    tile<M, NV>(a, lda, b, ldb, k, c, ldc, accumulate);
  }
  if constexpr (M > 1) {
    if (rows > 0) tiles<NV, (M > 4 ? M / 2 : M - 1)>(a, lda, rows, b, ldb, k, c, ldc, accumulate);
  }
}

using Eight [[gnu::vector_size(32)]] = float;
using LooseEight [[gnu::vector_size(32), gnu::aligned(4)]] = float;
using Lanes [[gnu::vector_size(32)]] = int32_t;

// target[c * ldt + r] = source[r * lds + c] for eight rows by eight columns: neighbours change
// places by one, by two, by four.
inline void turn_square(const float* source, int64_t lds, float* target, int64_t ldt) {
  Eight x[8], y[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) x[i] = *reinterpret_cast<const LooseEight*>(source + i * lds);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    y[i] = __builtin_shuffle(x[i], x[i + 1], Lanes{0, 8, 1, 9, 4, 12, 5, 13});
    y[i + 1] = __builtin_shuffle(x[i], x[i + 1], Lanes{2, 10, 3, 11, 6, 14, 7, 15});
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // rows of half i / 2, columns 2 (i % 2) on
    const Eight a = y[i / 2 * 4 + i % 2], b = y[i / 2 * 4 + 2 + i % 2];
    x[i / 2 * 4 + i % 2 * 2] = __builtin_shuffle(a, b, Lanes{0, 1, 8, 9, 4, 5, 12, 13});
    x[i / 2 * 4 + i % 2 * 2 + 1] = __builtin_shuffle(a, b, Lanes{2, 3, 10, 11, 6, 7, 14, 15});
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    *reinterpret_cast<LooseEight*>(target + i * ldt) =
        __builtin_shuffle(x[i], x[i + 4], Lanes{0, 1, 2, 3, 8, 9, 10, 11});
    *reinterpret_cast<LooseEight*>(target + (i + 4) * ldt) =
        __builtin_shuffle(x[i], x[i + 4], Lanes{4, 5, 6, 7, 12, 13, 14, 15});
  }
}

// The same for any number of rows and columns.
inline void turn(const float* source, int64_t lds, int64_t rows, int64_t columns, float* target,
                 int64_t ldt) {
  const int64_t whole_rows = rows & ~int64_t{7}, whole_columns = columns & ~int64_t{7};
  for (int64_t c = 0; c < whole_columns; c += 8) {
    for (int64_t r = 0; r < whole_rows; r += 8)
      turn_square(source + r * lds + c, lds, target + c * ldt + r, ldt);
  }
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r)
      target[c * ldt + r] = source[r * lds + c];
  }
}

constexpr int64_t kTurned =
    64;  // rows at a time: the lines they are read from stay in the L1 cache

void transpose(const float* source, int64_t lds, int64_t rows, int64_t columns, float* target,
               int64_t ldt) {
  for (int64_t r = 0; r < rows; r += kTurned) {
    turn(source + r * lds, lds, std::min(kTurned, rows - r), columns, target + r, ldt);
  }
}

void pack_panels(const float* weight, int64_t ld, int64_t out, int64_t in, float* packed) {
  for (int64_t first = 0; first < out; first += kPanel, packed += kPanel * in) {
    const int64_t width = std::min<int64_t>(kPanel, out - first);
    turn(weight + first * ld, ld, width, in, packed, kPanel);
    for (int64_t k = 0; width < kPanel && k < in; ++k)
      std::fill(packed + k * kPanel + width, packed + (k + 1) * kPanel, 0.0f);
  }
}

void pack_rows(const float* source, int64_t ld, int64_t in, int64_t out, float* packed) {
  for (int64_t k = 0; k < in; ++k, source += ld, packed += kPanel) {
    std::memcpy(packed, source, static_cast<size_t>(out) * sizeof(float));
    std::fill(packed + out, packed + kPanel, 0.0f);
  }
}

// Rows at a time that stay in the L2 cache beside a panel.
inline int64_t row_block(int64_t in) { return std::max<int64_t>(16, (98304 / in) & ~int64_t{7}); }

void gemm_panels(const float* x, int64_t ldx, int64_t rows, const float* packed, int64_t out,
                 int64_t in, int64_t panel_begin, int64_t panel_end, float* y, int64_t ldy,
                 bool accumulate) {
  float edge[kRegisters * kPanel];
  const int64_t block = row_block(in);
  for (int64_t r = 0; r < rows; r += block) {
    const int64_t n = std::min(block, rows - r);
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      const float* panel = packed + p * kPanel * in;
      const int64_t first = p * kPanel, width = std::min<int64_t>(kPanel, out - first);
      if (width == kPanel) {
        tiles<kPanelVecs>(x + r * ldx, ldx, n, panel, kPanel, in, y + r * ldy + first, ldy,
                          accumulate);
        continue;
      }
      for (int64_t m = 0; m < n; m += kRegisters) {  // the last panel of an odd width
        const int64_t some = std::min<int64_t>(kRegisters, n - m);
        tiles<kPanelVecs>(x + (r + m) * ldx, ldx, some, panel, kPanel, in, edge, kPanel, false);
        for (int64_t i = 0; i < some; ++i) {
          float* row = y + (r + m + i) * ldy + first;
          for (int64_t j = 0; j < width; ++j)
            row[j] = edge[i * kPanel + j] + (accumulate ? row[j] : 0.0f);
        }
      }
    }
  }
}

// c (+)= a b for a small b of n columns read in place; n is a multiple of 8.
void small_gemm(const float* a, int64_t lda, int64_t rows, const float* b, int64_t ldb, int64_t k,
                int64_t n, float* c, int64_t ldc, bool accumulate) {
  for (; n >= 4 * kLanes; n -= 4 * kLanes, b += 4 * kLanes, c += 4 * kLanes) {
    tiles<4>(a, lda, rows, b, ldb, k, c, ldc, accumulate);
  }
  if (n >= 2 * kLanes) {
    tiles<2>(a, lda, rows, b, ldb, k, c, ldc, accumulate);
    n -= 2 * kLanes, b += 2 * kLanes, c += 2 * kLanes;
  }
  if (n >= kLanes) {
    n -= kLanes;
    tiles<1, 8>(a, lda, rows, b, ldb, k, c, ldc, accumulate);
    b += kLanes, c += kLanes;
  }
  for (; n > 0; --n, ++b, ++c) {
    for (int64_t m = 0; m < rows; ++m) {
      float sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += a[m * lda + i] * b[i * ldb];
      c[m * ldc] = sum + (accumulate ? c[m * ldc] : 0.0f);
    }
  }
}

}  // namespace
}  // namespace charter::model
