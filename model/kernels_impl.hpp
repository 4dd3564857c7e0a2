// Bodies of model/kernels.hpp, included by one file per instruction set. CHARTER_KERNELS names the
// table.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "model/gemm_impl.hpp"
#include "model/int8_impl.hpp"
#ifdef __AVX512BF16__
#include "model/bf16_impl.hpp"
#endif
#include "model/kernels.hpp"

namespace charter::model {
namespace {

// exp to 2 ulp on [-87, 88], clamped outside. Cody-Waite reduction by ln 2 and the degree-5 minimax
// polynomial of Cephes' expf; branch-free, so that loops over it vectorise.
inline float fast_exp(float x) {
  x = std::min(std::max(x, -87.3f), 88.3f);
  const float n = __builtin_floorf(x * 1.44269504088896341f + 0.5f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float y = p * r * r + r + 1.0f;
  return y * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

void rms_norm(const float* x, const float* weight, float eps, int64_t rows, int64_t h, float* y,
              float* inv_rms) {
  for (int64_t r = 0; r < rows; ++r, x += h, y += h) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < h; ++i) sum += x[i] * x[i];
    const float inv = 1.0f / std::sqrt(sum / static_cast<float>(h) + eps);
#pragma omp simd
    for (int64_t i = 0; i < h; ++i) y[i] = x[i] * inv * weight[i];
    if (inv_rms != nullptr) inv_rms[r] = inv;
  }
}

void rms_norm_backward(const float* g, const float* x, const float* weight, const float* inv_rms,
                       int64_t rows, int64_t h, float* dx) {
  for (int64_t r = 0; r < rows; ++r, g += h, x += h, dx += h) {
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < h; ++i) dot += g[i] * weight[i] * x[i];
    const float inv = inv_rms[r];
    const float back = dot * inv * inv * inv / static_cast<float>(h);
#pragma omp simd
    for (int64_t i = 0; i < h; ++i) dx[i] = inv * g[i] * weight[i] - back * x[i];
  }
}

void swiglu(const float* gate, const float* up, int64_t stride, int64_t rows, int64_t n, float* y) {
  for (int64_t r = 0; r < rows; ++r, gate += stride, up += stride, y += n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = gate[i] / (1.0f + fast_exp(-gate[i])) * up[i];
  }
}

void swiglu_backward(const float* g, const float* gate, const float* up, int64_t count,
                     float* d_gate, float* d_up) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float s = 1.0f / (1.0f + fast_exp(-gate[i]));
    const float silu = gate[i] * s;
    d_up[i] = g[i] * silu;
    d_gate[i] = g[i] * up[i] * (s + silu * (1.0f - s));
  }
}

void rope(const float* in, const float* cos, const float* sin, int64_t heads, int64_t d,
          float direction, float* out) {
  const int64_t half = d / 2;
  for (int64_t head = 0; head < heads; ++head, in += d, out += d) {
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float a = in[i], b = in[i + half], s = sin[i] * direction;
      out[i] = a * cos[i] - b * s;
      out[i + half] = b * cos[i] + a * s;
    }
  }
}

double row_logsumexp(const float* x, int64_t n, float scale) {
  float top = -INFINITY;
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < n; ++i) top = x[i] > top ? x[i] : top;
  const float shift = top * scale;
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += 1024) {
    const int64_t end = std::min(n, begin + 1024);
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < end; ++i) part += fast_exp(x[i] * scale - shift);
    sum += part;
  }
  return shift + std::log(sum);
}

double row_entropy(const float* x, int64_t n, float scale, float lse) {
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += 1024) {
    const int64_t end = std::min(n, begin + 1024);
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < end; ++i) {
      const float log_p = x[i] * scale - lse;
      part -= fast_exp(log_p) * log_p;
    }
    sum += part;
  }
  return sum;
}

void row_exp(float* x, int64_t n, float scale, float shift, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] = factor * fast_exp(x[i] * scale - shift);
}

float softmax_row(float* x, int64_t n, float* max) {
  float top = -INFINITY, sum = 0;
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < n; ++i) top = x[i] > top ? x[i] : top;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    x[i] = fast_exp(x[i] - top);
    sum += x[i];
  }
  *max = top;
  return sum;
}

double sum_squares(const float* x, int64_t n) {
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += 1024) {
    const int64_t end = std::min(n, begin + 1024);
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < end; ++i) part += x[i] * x[i];
    sum += part;
  }
  return sum;
}

void scale(float* x, int64_t n, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void add(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace

extern const Kernels CHARTER_KERNELS;
const Kernels CHARTER_KERNELS = {
    .isa = CHARTER_ISA,
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .rope = rope,
    .row_logsumexp = row_logsumexp,
    .row_entropy = row_entropy,
    .row_exp = row_exp,
    .softmax_row = softmax_row,
    .sum_squares = sum_squares,
    .scale = scale,
    .add = add,
    .panel = kPanel,
    .pack_panels = pack_panels,
    .pack_rows = pack_rows,
    .transpose = transpose,
    .gemm_panels = gemm_panels,
    .small_gemm = small_gemm,
    .quantize_row = quantize_row,
    .pack_panels_int8 = pack_panels_int8,
    .gemm_panels_int8 = gemm_panels_int8,
#ifdef __AVX512BF16__
    .bf16_row = bf16_row,
    .pack_panels_bf16 = pack_panels_bf16,
    .gemm_panels_bf16 = gemm_panels_bf16,
#endif
};

}  // namespace charter::model
