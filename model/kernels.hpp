// Inner loops of the transformer on rows of floats, compiled for AVX2, AVX-512 and AVX-512 with
// VNNI or with BF16 too; the best one the CPU runs is chosen at the first use. Each works on one
// thread: callers split the rows. Shapes: R rows, H hidden size, d head_dim, V vocabulary.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace charter::model {

constexpr int64_t kInt8Group = 64;  // inputs of an 8-bit row that share a scale
// A row of 8-bit codes: `in` rounded up to whole groups.
[[nodiscard]] constexpr int64_t int8_width(int64_t in) {
  return (in + kInt8Group - 1) / kInt8Group * kInt8Group;
}

struct Kernels {
  const char* isa;  // "avx2", "avx512", "avx512vnni" or "avx512bf16"

  // y = x * inv_rms * weight with inv_rms = (mean(x^2) + eps)^-1/2, each row by itself. x, y: [R,
  // H]. inv_rms: [R] or null.
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t rows, int64_t h,
                   float* y, float* inv_rms);
  // dx of the above from g = dL/dy.
  void (*rms_norm_backward)(const float* g, const float* x, const float* weight,
                            const float* inv_rms, int64_t rows, int64_t h, float* dx);
  // y = silu(gate) * up. Rows of n floats, `stride` apart in gate and up; y is contiguous.
  void (*swiglu)(const float* gate, const float* up, int64_t stride, int64_t rows, int64_t n,
                 float* y);
  // d_gate and d_up of the above; everything contiguous, count floats.
  void (*swiglu_backward)(const float* g, const float* gate, const float* up, int64_t count,
                          float* d_gate, float* d_up);
  // Rotates `heads` heads of one row: pairs (i, i + d/2) by the angle of cos[i], sin[i] (d/2
  // floats). direction -1 rotates back. In and out may be the same.
  void (*rope)(const float* in, const float* cos, const float* sin, int64_t heads, int64_t d,
               float direction, float* out);
  // log(sum(exp(x * scale))) of a row, scale > 0; float within blocks of 1024, double across them.
  double (*row_logsumexp)(const float* x, int64_t n, float scale);
  // Entropy of softmax(x * scale), whose logsumexp is lse: the sum of -p log p.
  double (*row_entropy)(const float* x, int64_t n, float scale, float lse);
  // x = factor * exp(x * scale - shift), in place.
  void (*row_exp)(float* x, int64_t n, float scale, float shift, float factor);
  // x = exp(x - max(x)), in place; returns the sum and writes the maximum.
  float (*softmax_row)(float* x, int64_t n, float* max);
  // sum(x^2) of a row; float within blocks of 1024, double across them.
  double (*sum_squares)(const float* x, int64_t n);
  void (*scale)(float* x, int64_t n, float factor);  // x *= factor
  void (*add)(const float* x, int64_t n, float* y);  // y += x

  int64_t panel;  // outputs in a packed panel
  // weight [out, in], rows ld floats apart -> ceil(out / panel) panels of [in, panel], the last one
  // padded with zeros.
  void (*pack_panels)(const float* weight, int64_t ld, int64_t out, int64_t in, float* packed);
  // One such panel of the transpose: source [in, out], rows ld floats apart, out <= panel.
  void (*pack_rows)(const float* source, int64_t ld, int64_t in, int64_t out, float* packed);
  // target [columns, rows] = the transpose of source [rows, columns]; their rows are ldt and lds
  // floats apart.
  void (*transpose)(const float* source, int64_t lds, int64_t rows, int64_t columns, float* target,
                    int64_t ldt);
  // y[r][o] (+)= sum_k x[r][k] W[o][k] for the outputs o of panels [panel_begin, panel_end).
  void (*gemm_panels)(const float* x, int64_t ldx, int64_t rows, const float* packed, int64_t out,
                      int64_t in, int64_t panel_begin, int64_t panel_end, float* y, int64_t ldy,
                      bool accumulate);
  // c [rows, n] (+)= a [rows, k] b [k, n], rows lda, ldb and ldc floats apart.
  void (*small_gemm)(const float* a, int64_t lda, int64_t rows, const float* b, int64_t ldb,
                     int64_t k, int64_t n, float* c, int64_t ldc, bool accumulate);

  // 8-bit products (dynamic activations): see model/int8_impl.hpp. With G = int8_width(n) /
  // kInt8Group groups: codes [int8_width(n)], scales [G].
  void (*quantize_row)(const float* x, int64_t n, uint8_t* codes, float* scales);
  // packed: [panels, int8_width(in), panel]; scales: [panels * panel]; offsets: [panels, G, panel].
  void (*pack_panels_int8)(const float* weight, int64_t out, int64_t in, int8_t* packed,
                           float* scales, int32_t* offsets);
  // codes: [rows, int8_width(in)], row_scales: [rows, G].
  void (*gemm_panels_int8)(const uint8_t* codes, const float* row_scales, int64_t rows,
                           const int8_t* packed, const float* scales, const int32_t* offsets,
                           int64_t out, int64_t in, int64_t panel_begin, int64_t panel_end,
                           float* y, int64_t ldy, bool accumulate);

  // bfloat16 products: see model/bf16_impl.hpp. Null where the CPU has no instruction for them.
  // Rows are `in` rounded up to 2 entries.
  void (*bf16_row)(const float* x, int64_t n, uint16_t* row) = nullptr;
  void (*pack_panels_bf16)(const float* weight, int64_t out, int64_t in,
                           uint16_t* packed) = nullptr;
  void (*gemm_panels_bf16)(const uint16_t* x, int64_t rows, const uint16_t* packed, int64_t out,
                           int64_t in, int64_t panel_begin, int64_t panel_end, float* y,
                           int64_t ldy, bool accumulate) = nullptr;
};

[[nodiscard]] const Kernels& kernels();

// The sets this CPU runs, the best one last.
[[nodiscard]] std::vector<const Kernels*> runnable_kernels();

// From now on the set of this name, in place of the best one: to test and measure on one machine
// what others run. Nothing may have been packed before. Throws std::invalid_argument for a name
// that is none of the runnable ones.
void use_kernels(std::string_view isa);

}  // namespace charter::model
