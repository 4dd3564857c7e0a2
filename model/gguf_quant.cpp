#include "model/gguf_quant.hpp"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cstring>
#include <iterator>
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

// 32 values: half d, 32 fifth bits, 16 bytes of nibbles as in Q4_0.
int five_bits(const uint8_t* bits, const uint8_t* nibbles, int i) {
  const int low = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
  return low | (((bits[i / 8] >> (i % 8)) & 1) << 4);
}

void q5_0_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(p + 2, p + 6, i) - 16);
}

// As Q5_0 with a half minimum after d; d * q + m.
void q5_1_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  const float m = half_at(p + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(p + 4, p + 8, i)) + m;
}

void q8_0_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(p[2 + i]));
}

// Value i of 256 from 64 bytes of bit pairs, as Q2_K and Q3_K keep them: 32 bytes hold 128 values.
int two_bits(const uint8_t* q, int i) {
  return (q[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4))) & 3;
}

// 256 values: 16 bytes of scale and minimum nibbles, 64 of bit pairs, half d, half dmin; sixteen
// sub-blocks of 16.
void q2_k_block(const uint8_t* p, float* out) {
  const float d = half_at(p + 80);
  const float dmin = half_at(p + 82);
  for (int i = 0; i < 256; ++i) {
    const float scale = d * static_cast<float>(p[i / 16] & 15);
    const float min = dmin * static_cast<float>(p[i / 16] >> 4);
    out[i] = scale * static_cast<float>(two_bits(p + 16, i)) - min;
  }
}

// 256 values: 32 bytes of third bits (bit i / 32 of byte i % 32), 64 of bit pairs, 12 of 6-bit
// scales (low nibbles, then high bit pairs), half d; a third bit that is 0 takes 4 away.
void q3_k_block(const uint8_t* p, float* out) {
  const float d = half_at(p + 108);
  const uint8_t* scales = p + 96;
  for (int i = 0; i < 256; ++i) {
    const int j = i / 16;
    const int low = (scales[j % 8] >> (4 * (j / 8))) & 15;
    const int high = (scales[8 + j % 4] >> (2 * (j / 4))) & 3;
    const float scale = d * static_cast<float>((low | (high << 4)) - 32);
    const int third = (p[i % 32] >> (i / 32)) & 1;
    out[i] = scale * static_cast<float>(two_bits(p + 32, i) - (third ? 0 : 4));
  }
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

// ggml's kvalues_iq4nl.
constexpr float kUneven[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};

// 32 values: half d, 16 bytes of nibbles as in Q4_0; each names one of sixteen levels.
void iq4_nl_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * kUneven[p[2 + i] & 15];
    out[i + 16] = d * kUneven[p[2 + i] >> 4];
  }
}

// 256 values: half d, 8 high bit pairs and 8 low nibbles of scales, then eight sub-blocks of 32 as
// in IQ4_NL.
void iq4_xs_block(const uint8_t* p, float* out) {
  const float d = half_at(p);
  for (int j = 0; j < 8; ++j) {
    const int low = (p[4 + j / 2] >> (4 * (j % 2))) & 15;
    const int high = (p[2 + j / 4] >> (2 * (j % 4))) & 3;
    const float scale = d * static_cast<float>((low | (high << 4)) - 32);
    const uint8_t* q = p + 8 + 16 * j;
    for (int i = 0; i < 16; ++i) {
      out[32 * j + i] = scale * kUneven[q[i] & 15];
      out[32 * j + i + 16] = scale * kUneven[q[i] >> 4];
    }
  }
}

void copy_floats(const std::byte* values, int64_t count, float* out) {
  std::memcpy(out, values, static_cast<size_t>(count) * 4);
}

template <int kValues, int kBytes, void (*kBlock)(const uint8_t*, float*)>
void each_block(const std::byte* blocks, int64_t num_blocks, float* out) {
  const auto* p = reinterpret_cast<const uint8_t*>(blocks);
  for (int64_t i = 0; i < num_blocks; ++i) kBlock(p + i * kBytes, out + i * kValues);
}

struct Row {
  GgufType type;
  GgufTypeInfo info;
  void (*dequantize)(const std::byte* blocks, int64_t num_blocks, float* out);
};

template <int kValues, int kBytes, void (*kBlock)(const uint8_t*, float*)>
constexpr Row row(GgufType type, std::string_view name) {
  return {type, {name, kValues, kBytes}, each_block<kValues, kBytes, kBlock>};
}

constexpr Row kRows[] = {
    {GgufType::kF32, {"F32", 1, 4}, copy_floats},
    row<1, 2, f16_block>(GgufType::kF16, "F16"),
    row<1, 2, bf16_block>(GgufType::kBF16, "BF16"),
    row<32, 18, q4_0_block>(GgufType::kQ4_0, "Q4_0"),
    row<32, 20, q4_1_block>(GgufType::kQ4_1, "Q4_1"),
    row<32, 22, q5_0_block>(GgufType::kQ5_0, "Q5_0"),
    row<32, 24, q5_1_block>(GgufType::kQ5_1, "Q5_1"),
    row<32, 34, q8_0_block>(GgufType::kQ8_0, "Q8_0"),
    row<256, 84, q2_k_block>(GgufType::kQ2_K, "Q2_K"),
    row<256, 110, q3_k_block>(GgufType::kQ3_K, "Q3_K"),
    row<256, 144, q4_k_block>(GgufType::kQ4_K, "Q4_K"),
    row<256, 176, q5_k_block>(GgufType::kQ5_K, "Q5_K"),
    row<256, 210, q6_k_block>(GgufType::kQ6_K, "Q6_K"),
    row<32, 18, iq4_nl_block>(GgufType::kIQ4_NL, "IQ4_NL"),
    row<256, 136, iq4_xs_block>(GgufType::kIQ4_XS, "IQ4_XS"),
};

const Row* find_row(GgufType type) {
  const auto* found = std::find_if(std::begin(kRows), std::end(kRows),
                                   [&](const Row& r) { return r.type == type; });
  return found == std::end(kRows) ? nullptr : found;
}

}  // namespace

std::optional<GgufTypeInfo> gguf_type_info(uint32_t type) {
  const Row* found = find_row(static_cast<GgufType>(type));
  return found ? std::optional(found->info) : std::nullopt;
}

std::string gguf_type_names() {
  std::string names;
  for (const Row& r : kRows) names += (names.empty() ? "" : " ") + std::string(r.info.name);
  return names;
}

void dequantize(GgufType type, const std::byte* blocks, int64_t num_blocks, float* out) {
  const Row* found = find_row(type);
  if (!found) {
    throw std::invalid_argument("dequantize: type: " + std::to_string(static_cast<uint32_t>(type)) +
                                ", expected one that gguf_type_info knows");
  }
  found->dequantize(blocks, num_blocks, out);
}

}  // namespace charter::model
