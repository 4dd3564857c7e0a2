// Matrix products of bfloat16 weights and bfloat16 activations with float32 sums; included by
// kernels_impl.hpp where the instruction set has them. Two neighbouring inputs of an output lie
// together, as the instruction that multiplies pairs wants them: element
// ((k / 2) * kPanel + j) * 2 + k % 2 of a panel is input k of its output j.
#include <immintrin.h>

#include <bit>
#include <cstring>

namespace charter::model {
namespace {

int64_t padded_pairs(int64_t in) { return (in + 1) / 2 * 2; }

// To the nearest, ties to even.
inline uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

void bf16_row(const float* x, int64_t n, uint16_t* row) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) row[i] = to_bf16(x[i]);
  if (n % 2 != 0) row[n] = 0;
}

void pack_panels_bf16(const float* weight, int64_t out, int64_t in, uint16_t* packed) {
  const int64_t padded = padded_pairs(in), panels = (out + kPanel - 1) / kPanel;
  std::memset(packed, 0, static_cast<size_t>(panels * kPanel * padded) * sizeof(uint16_t));
  for (int64_t o = 0; o < out; ++o) {
    uint16_t* panel = packed + o / kPanel * kPanel * padded + o % kPanel * 2;
    for (int64_t k = 0; k < in; ++k) {
      panel[k / 2 * kPanel * 2 + k % 2] = to_bf16(weight[o * in + k]);
    }
  }
}

// c[m][0 .. kPanel) (+)= sum_k x[m][k] * w[..][k] of one panel, for M rows.
template <int M>
inline void pair_tile(const uint16_t* x, int64_t ldx, const uint16_t* panel, int64_t pairs,
                      float* c, int64_t ldc, bool accumulate) {
  __m512 acc[M][kPanelVecs];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      acc[m][v] = accumulate ? _mm512_loadu_ps(c + m * ldc + v * kLanes) : _mm512_setzero_ps();
    }
  }
  for (int64_t g = 0; g < pairs; ++g) {
    __m512bh w[kPanelVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      w[v] = std::bit_cast<__m512bh>(_mm512_loadu_si512(panel + (g * kPanel + v * kLanes) * 2));
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      int32_t two;
      std::memcpy(&two, x + m * ldx + g * 2, 4);
      const auto pair = std::bit_cast<__m512bh>(_mm512_set1_epi32(two));
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVecs; ++v) acc[m][v] = _mm512_dpbf16_ps(acc[m][v], pair, w[v]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) _mm512_storeu_ps(c + m * ldc + v * kLanes, acc[m][v]);
  }
}

template <int M = 8>
inline void pair_rows(const uint16_t* x, int64_t ldx, int64_t rows, const uint16_t* panel,
                      int64_t pairs, float* c, int64_t ldc, bool accumulate) {
  for (; rows >= M; rows -= M, x += M * ldx, c += M * ldc) {
    pair_tile<M>(x, ldx, panel, pairs, c, ldc, accumulate);
  }
  if constexpr (M > 1) {
    if (rows > 0) pair_rows<M / 2>(x, ldx, rows, panel, pairs, c, ldc, accumulate);
  }
}

void gemm_panels_bf16(const uint16_t* x, int64_t rows, const uint16_t* packed, int64_t out,
                      int64_t in, int64_t panel_begin, int64_t panel_end, float* y, int64_t ldy,
                      bool accumulate) {
  const int64_t padded = padded_pairs(in), block = 2 * row_block(in);
  float edge[kPanel];
  for (int64_t r = 0; r < rows; r += block) {
    const int64_t n = std::min(block, rows - r);
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      const uint16_t* panel = packed + p * kPanel * padded;
      const int64_t first = p * kPanel, width = std::min<int64_t>(kPanel, out - first);
      if (width == kPanel) {
        pair_rows(x + r * padded, padded, n, panel, padded / 2, y + r * ldy + first, ldy,
                  accumulate);
        continue;
      }
      for (int64_t m = r; m < r + n; ++m) {  // the last panel of an odd width
        pair_tile<1>(x + m * padded, padded, panel, padded / 2, edge, kPanel, false);
        float* row = y + m * ldy + first;
        for (int64_t j = 0; j < width; ++j) row[j] = edge[j] + (accumulate ? row[j] : 0.0f);
      }
    }
  }
}

}  // namespace
}  // namespace charter::model
