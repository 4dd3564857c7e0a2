// Matrix products of 8-bit weights and 8-bit activations; included by kernels_impl.hpp once per
// instruction set. Weights: symmetric, one scale an output. Activations: symmetric about a zero
// point, one scale for each kInt8Group inputs of a row: a few inputs of these models are a hundred
// times the others, and one scale a row would leave the others a few steps. A row's result does not
// depend on the rows beside it. Four neighbouring inputs of an output lie together, as the
// instructions that multiply bytes want them: byte ((k / 4) * kPanel + j) * 4 + k % 4 of a panel is
// input k of its output j.
#include <immintrin.h>

#include <cstring>

#include "model/kernels.hpp"

namespace charter::model {
namespace {

using IntLanes [[gnu::vector_size(kLanes * sizeof(int32_t))]] = int32_t;

#if defined(__AVX512VNNI__)
constexpr float kActivationSteps = 127.0f;
constexpr int32_t kZeroPoint = 128;
using IntVec = __m512i;
inline IntVec load_bytes(const int8_t* p) { return _mm512_loadu_si512(p); }
inline IntVec broadcast(int32_t four) { return _mm512_set1_epi32(four); }
inline IntVec dot(IntVec sum, IntVec x, IntVec w) { return _mm512_dpbusd_epi32(sum, x, w); }
#else
// Without VNNI pairs of products are summed in 16 bits: 7-bit activations keep 2 * 127 * 127 within
// them.
constexpr float kActivationSteps = 63.0f;
constexpr int32_t kZeroPoint = 64;
#ifdef __AVX512BW__
using IntVec = __m512i;
inline IntVec load_bytes(const int8_t* p) { return _mm512_loadu_si512(p); }
inline IntVec broadcast(int32_t four) { return _mm512_set1_epi32(four); }
inline IntVec dot(IntVec sum, IntVec x, IntVec w) {
  const IntVec pairs = _mm512_maddubs_epi16(x, w);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
#else
using IntVec = __m256i;
inline IntVec load_bytes(const int8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline IntVec broadcast(int32_t four) { return _mm256_set1_epi32(four); }
inline IntVec dot(IntVec sum, IntVec x, IntVec w) {
  const IntVec pairs = _mm256_maddubs_epi16(x, w);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif
#endif

// codes[k] = round(x[k] / scale) + zero point, a group's largest magnitude on the last step.
void quantize_row(const float* x, int64_t n, uint8_t* codes, float* scales) {
  for (int64_t first = 0; first < n; first += kInt8Group, codes += kInt8Group, ++scales) {
    const float* group = x + first;
    const int64_t count = std::min(kInt8Group, n - first);
    float top = 0;
#pragma omp simd reduction(max : top)
    for (int64_t i = 0; i < count; ++i) {
      top = std::fabs(group[i]) > top ? std::fabs(group[i]) : top;
    }
    *scales = top > 0 ? top / kActivationSteps : 1.0f;
    const float inverse = 1.0f / *scales;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      codes[i] = static_cast<uint8_t>(static_cast<int32_t>(group[i] * inverse + kZeroPoint + 0.5f));
    }
    for (int64_t i = count; i < kInt8Group; ++i) codes[i] = static_cast<uint8_t>(kZeroPoint);
  }
}

void pack_panels_int8(const float* weight, int64_t out, int64_t in, int8_t* packed, float* scales,
                      int32_t* offsets) {
  const int64_t width = int8_width(in), groups = width / kInt8Group;
  const int64_t panels = (out + kPanel - 1) / kPanel;
  std::memset(packed, 0, static_cast<size_t>(panels * kPanel * width));
  std::fill_n(offsets, panels * groups * kPanel, 0);
  for (int64_t o = 0; o < out; ++o) {
    const float* row = weight + o * in;
    float top = 0;
    for (int64_t k = 0; k < in; ++k) top = std::max(top, std::fabs(row[k]));
    scales[o] = top > 0 ? top / 127.0f : 1.0f;
    int8_t* panel = packed + o / kPanel * kPanel * width + o % kPanel * 4;
    int32_t* offset = offsets + o / kPanel * kPanel * groups + o % kPanel;
    for (int64_t k = 0; k < in; ++k) {
      const auto code = static_cast<int32_t>(std::lrint(row[k] / scales[o]));
      panel[k / 4 * kPanel * 4 + k % 4] = static_cast<int8_t>(code);
      offset[k / kInt8Group * kPanel] -= code * kZeroPoint;
    }
  }
}

// sums[m][j] = sum over the groups of scales[m][g] * sum_k (codes[m][k] - zero point) * w[j][k], of
// one panel. The integer sums begin at the group's offset, which takes the zero point out.
template <int M>
inline void byte_tile(const uint8_t* codes, const float* row_scales, int64_t groups,
                      const int8_t* panel, const int32_t* offsets, float* sums) {
  constexpr int kQuads = kInt8Group / 4;
  Vec total[M][kPanelVecs] = {};
  for (int64_t g = 0; g < groups; ++g, offsets += kPanel) {
    IntVec acc[M][kPanelVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      const IntVec start = load_bytes(reinterpret_cast<const int8_t*>(offsets + v * kLanes));
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) acc[m][v] = start;
    }
    for (int q = 0; q < kQuads; ++q, panel += kPanel * 4) {
      IntVec w[kPanelVecs];
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVecs; ++v) w[v] = load_bytes(panel + v * kLanes * 4);
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) {
        int32_t four;
        std::memcpy(&four, codes + (m * groups + g) * kInt8Group + q * 4, 4);
        const IntVec x = broadcast(four);
#pragma GCC unroll 4
        for (int v = 0; v < kPanelVecs; ++v) acc[m][v] = dot(acc[m][v], x, w[v]);
      }
    }
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVecs; ++v) {
        total[m][v] += __builtin_convertvector(reinterpret_cast<IntLanes>(acc[m][v]), Vec) *
                       row_scales[m * groups + g];
      }
    }
  }
  std::memcpy(sums, total, sizeof(total));
}

template <int M>
inline void byte_rows(const uint8_t* codes, const float* row_scales, int64_t groups, int64_t rows,
                      const int8_t* panel, const float* scales, const int32_t* offsets,
                      int64_t width, float* y, int64_t ldy, bool accumulate) {
  alignas(64) float sums[M * kPanel];
  for (; rows >= M;
       rows -= M, codes += M * groups * kInt8Group, row_scales += M * groups, y += M * ldy) {
    byte_tile<M>(codes, row_scales, groups, panel, offsets, sums);
    for (int m = 0; m < M; ++m) {
      float* to = y + m * ldy;
      const float* sum = sums + m * kPanel;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) {
        to[j] = sum[j] * scales[j] + (accumulate ? to[j] : 0.0f);
      }
    }
  }
  if constexpr (M > 1) {
    if (rows > 0) {
      byte_rows<M / 2>(codes, row_scales, groups, rows, panel, scales, offsets, width, y, ldy,
                       accumulate);
    }
  }
}

void gemm_panels_int8(const uint8_t* codes, const float* row_scales, int64_t rows,
                      const int8_t* packed, const float* scales, const int32_t* offsets,
                      int64_t out, int64_t in, int64_t panel_begin, int64_t panel_end, float* y,
                      int64_t ldy, bool accumulate) {
  const int64_t width = int8_width(in), groups = width / kInt8Group;
  constexpr int kRows = kLanes == 16 ? 4 : 2;  // sums in both types fill the registers
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const int64_t first = p * kPanel;
    byte_rows<kRows>(codes, row_scales, groups, rows, packed + first * width, scales + first,
                     offsets + first * groups, std::min<int64_t>(kPanel, out - first), y + first,
                     ldy, accumulate);
  }
}

}  // namespace
}  // namespace charter::model
