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

void pack_panels(const float* weight, int64_t out, int64_t in, float* packed) {
  for (int64_t first = 0; first < out; first += kPanel, packed += kPanel * in) {
    for (int64_t j = 0; j < kPanel; ++j) {
      for (int64_t k = 0; k < in; ++k) {
        packed[k * kPanel + j] = first + j < out ? weight[(first + j) * in + k] : 0.0f;
      }
    }
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
      for (int64_t m = 0; m < n; ++m) {  // the last panel of an odd width
        tile<1, kPanelVecs>(x + (r + m) * ldx, ldx, panel, kPanel, in, edge, kPanel, false);
        float* row = y + (r + m) * ldy + first;
        for (int64_t j = 0; j < width; ++j) row[j] = edge[j] + (accumulate ? row[j] : 0.0f);
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
