// Matrix products of 8-bit weights and 8-bit activations; included by kernels_impl.hpp once per
// instruction set. Weights: symmetric, one scale an output. Activations: symmetric about a zero
// point, one scale a row, so that a row's result does not depend on the rows beside it. Four
// neighbouring inputs of an output lie together, as the instructions that multiply bytes want them:
// byte ((k / 4) * kPanel + j) * 4 + k % 4 of a panel is input k of its output j.
#include <immintrin.h>

#include <cstring>

namespace charter::model {
namespace {

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

int64_t padded_inputs(int64_t in) { return (in + 3) / 4 * 4; }

// codes[k] = round(x[k] / scale) + zero point, the row's largest magnitude on the last step.
float quantize_row(const float* x, int64_t n, uint8_t* codes) {
  float top = 0;
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < n; ++i) top = std::fabs(x[i]) > top ? std::fabs(x[i]) : top;
  const float scale = top > 0 ? top / kActivationSteps : 1.0f, inverse = 1.0f / scale;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    codes[i] = static_cast<uint8_t>(static_cast<int32_t>(x[i] * inverse + kZeroPoint + 0.5f));
  }
  for (int64_t i = n; i < padded_inputs(n); ++i) codes[i] = static_cast<uint8_t>(kZeroPoint);
  return scale;
}

void pack_panels_int8(const float* weight, int64_t out, int64_t in, int8_t* packed, float* scales,
                      int32_t* offsets) {
  const int64_t padded = padded_inputs(in);
  std::memset(packed, 0, static_cast<size_t>((out + kPanel - 1) / kPanel * kPanel * padded));
  for (int64_t o = 0; o < out; ++o) {
    const float* row = weight + o * in;
    float top = 0;
    for (int64_t k = 0; k < in; ++k) top = std::max(top, std::fabs(row[k]));
    scales[o] = top > 0 ? top / 127.0f : 1.0f;
    int8_t* panel = packed + o / kPanel * kPanel * padded + o % kPanel * 4;
    int32_t sum = 0;
    for (int64_t k = 0; k < in; ++k) {
      const auto code = static_cast<int32_t>(std::lrint(row[k] / scales[o]));
      panel[k / 4 * kPanel * 4 + k % 4] = static_cast<int8_t>(code);
      sum += code;
    }
    offsets[o] = sum * kZeroPoint;
  }
}

// sums[m][j] = sum_k codes[m][k] * w[j][k] of one panel.
template <int M>
inline void byte_tile(const uint8_t* codes, int64_t ldc, const int8_t* panel, int64_t groups,
                      int32_t* sums) {
  IntVec acc[M][kPanelVecs] = {};
  for (int64_t g = 0; g < groups; ++g) {
    IntVec w[kPanelVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) w[v] = load_bytes(panel + (g * kPanel + v * kLanes) * 4);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      int32_t four;
      std::memcpy(&four, codes + m * ldc + g * 4, 4);
      const IntVec x = broadcast(four);
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVecs; ++v) acc[m][v] = dot(acc[m][v], x, w[v]);
    }
  }
  std::memcpy(sums, acc, sizeof(acc));
}

template <int M>
inline void byte_rows(const uint8_t* codes, const float* row_scales, int64_t ldc, int64_t rows,
                      const int8_t* panel, int64_t groups, const float* scales,
                      const int32_t* offsets, int64_t width, float* y, int64_t ldy,
                      bool accumulate) {
  alignas(64) int32_t sums[M * kPanel];
  for (; rows >= M; rows -= M, codes += M * ldc, row_scales += M, y += M * ldy) {
    byte_tile<M>(codes, ldc, panel, groups, sums);
    for (int m = 0; m < M; ++m) {
      float* to = y + m * ldy;
      const int32_t* sum = sums + m * kPanel;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) {
        const float before = accumulate ? to[j] : 0.0f;
        to[j] = static_cast<float>(sum[j] - offsets[j]) * (row_scales[m] * scales[j]) + before;
      }
    }
  }
  if constexpr (M > 1) {
    if (rows > 0) {
      byte_rows<M / 2>(codes, row_scales, ldc, rows, panel, groups, scales, offsets, width, y, ldy,
                       accumulate);
    }
  }
}

void gemm_panels_int8(const uint8_t* codes, const float* row_scales, int64_t rows,
                      const int8_t* packed, const float* scales, const int32_t* offsets,
                      int64_t out, int64_t in, int64_t panel_begin, int64_t panel_end, float* y,
                      int64_t ldy, bool accumulate) {
  const int64_t padded = padded_inputs(in);
  constexpr int kRows = kLanes == 16 ? 8 : 4;
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const int64_t first = p * kPanel;
    byte_rows<kRows>(codes, row_scales, padded, rows, packed + p * kPanel * padded, padded / 4,
                     scales + first, offsets + first, std::min<int64_t>(kPanel, out - first),
                     y + first, ldy, accumulate);
  }
}

}  // namespace
}  // namespace charter::model
