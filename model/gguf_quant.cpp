#include "model/gguf_quant.hpp"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstring>
#include <stdexcept>

namespace charter::model {
namespace {

float half_at(const uint8_t* p) {
  c10::Half h;
  std::memcpy(&h, p, 2);
  return static_cast<float>(h);
}

void f16_block(const uint8_t* p, float* out) { *out = half_at(p); }

void bf16_block(const uint8_t* p, float* out) {
  c10::BFloat16 b;
  std::memcpy(&b, p, 2);
  *out = static_cast<float>(b);
}

// 32 values: half d, 16 bytes; low nibbles are values 0-15, high nibbles 16-31; q - 8.
void q4_0_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((p[2 + i] & 15) - 8);
    out[i + 16] = d * static_cast<float>((p[2 + i] >> 4) - 8);
  }
}

// As Q4_0 with a half minimum after d; d * q + m.
void q4_1_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  const float m = half_at(p + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(p[4 + i] & 15) + m;
    out[i + 16] = d * static_cast<float>(p[4 + i] >> 4) + m;
  }
}

void q8_0_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(p[2 + i]));
}

// The 6-bit scale and minimum of sub-block j (0-7) from the 12 packed bytes of a Q4_K or Q5_K
// block.
struct ScaleMin {
  float scale;
  float min;
};
ScaleMin scale_min(const uint8_t* s, int j) {
  if (j < 4) return {static_cast<float>(s[j] & 63), static_cast<float>(s[j + 4] & 63)};
  return {static_cast<float>((s[j + 4] & 15) | ((s[j - 4] >> 6) << 4)),
          static_cast<float>((s[j + 4] >> 4) | ((s[j] >> 6) << 4))};
}

// 256 values: half d, half dmin, 12 scale bytes, 128 nibble bytes; eight sub-blocks of 32.
void q4_k_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  const float dmin = half_at(p + 2);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin sm = scale_min(p + 4, j);
    const float scale = d * sm.scale;
    const float min = dmin * sm.min;
    const uint8_t* q = p + 16 + 32 * (j / 2);
    const int shift = 4 * (j % 2);
    for (int i = 0; i < 32; ++i) {
      out[32 * j + i] = scale * static_cast<float>((q[i] >> shift) & 15) - min;
    }
  }
}

// As Q4_K with 32 bytes of fifth bits (bit j of byte i belongs to value i of sub-block j) before
// the nibbles.
void q5_k_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  const float dmin = half_at(p + 2);
  const uint8_t* high = p + 16;
  for (int j = 0; j < 8; ++j) {
    const ScaleMin sm = scale_min(p + 4, j);
    const float scale = d * sm.scale;
    const float min = dmin * sm.min;
    const uint8_t* q = p + 48 + 32 * (j / 2);
    const int shift = 4 * (j % 2);
    for (int i = 0; i < 32; ++i) {
      const int value = ((q[i] >> shift) & 15) | (((high[i] >> j) & 1) << 4);
      out[32 * j + i] = scale * static_cast<float>(value) - min;
    }
  }
}

// 256 values: 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales, half d; q - 32.
void q6_k_block(const uint8_t* p, float* out) {
  const float d = half_at(p + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* low = p + 64 * half;
    const uint8_t* high = p + 128 + 32 * half;
    const uint8_t* scales = p + 192 + 8 * half;
    for (int k = 0; k < 4; ++k) {
      for (int i = 0; i < 32; ++i) {
        const int nibble = (low[32 * (k % 2) + i] >> (4 * (k / 2))) & 15;
        const int value = (nibble | (((high[i] >> (2 * k)) & 3) << 4)) - 32;
        const auto scale = static_cast<int8_t>(scales[2 * k + i / 16]);
        out[128 * half + 32 * k + i] = d * static_cast<float>(scale) * static_cast<float>(value);
      }
    }
  }
}

template <int kValues, int kBytes, void (*kBlock)(const uint8_t*, float*)>
void each_block(const std::byte* blocks, int64_t num_blocks, float* out) {
  const auto* p = reinterpret_cast<const uint8_t*>(blocks);
  for (int64_t i = 0; i < num_blocks; ++i) kBlock(p + i * kBytes, out + i * kValues);
}

}  // namespace

std::optional<GgufTypeInfo> gguf_type_info(uint32_t type) {
  switch (static_cast<GgufType>(type)) {
    case GgufType::kF32:
      return GgufTypeInfo{"F32", 1, 4};
    case GgufType::kF16:
      return GgufTypeInfo{"F16", 1, 2};
    case GgufType::kBF16:
      return GgufTypeInfo{"BF16", 1, 2};
    case GgufType::kQ4_0:
      return GgufTypeInfo{"Q4_0", 32, 18};
    case GgufType::kQ4_1:
      return GgufTypeInfo{"Q4_1", 32, 20};
    case GgufType::kQ8_0:
      return GgufTypeInfo{"Q8_0", 32, 34};
    case GgufType::kQ4_K:
      return GgufTypeInfo{"Q4_K", 256, 144};
    case GgufType::kQ5_K:
      return GgufTypeInfo{"Q5_K", 256, 176};
    case GgufType::kQ6_K:
      return GgufTypeInfo{"Q6_K", 256, 210};
  }
  return std::nullopt;
}

void dequantize(GgufType type, const std::byte* blocks, int64_t num_blocks, float* out) {
  switch (type) {
    case GgufType::kF32:
      std::memcpy(out, blocks, static_cast<size_t>(num_blocks) * 4);
      return;
    case GgufType::kF16:
      return each_block<1, 2, f16_block>(blocks, num_blocks, out);
    case GgufType::kBF16:
      return each_block<1, 2, bf16_block>(blocks, num_blocks, out);
    case GgufType::kQ4_0:
      return each_block<32, 18, q4_0_block>(blocks, num_blocks, out);
    case GgufType::kQ4_1:
      return each_block<32, 20, q4_1_block>(blocks, num_blocks, out);
    case GgufType::kQ8_0:
      return each_block<32, 34, q8_0_block>(blocks, num_blocks, out);
    case GgufType::kQ4_K:
      return each_block<256, 144, q4_k_block>(blocks, num_blocks, out);
    case GgufType::kQ5_K:
      return each_block<256, 176, q5_k_block>(blocks, num_blocks, out);
    case GgufType::kQ6_K:
      return each_block<256, 210, q6_k_block>(blocks, num_blocks, out);
  }
  throw std::invalid_argument("dequantize: type: " + std::to_string(static_cast<uint32_t>(type)) +
                              ", expected one that gguf_type_info knows");
}

}  // namespace charter::model
