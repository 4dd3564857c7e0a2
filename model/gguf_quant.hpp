// The tensor types of GGUF that we read, and their dequantization to float32.
// Block layouts: ggml (ggml-common.h); checked against the `gguf` package's gguf/quants.py.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace charter::model {

// Values are ggml's type numbers.
enum class GgufType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
};

struct GgufTypeInfo {
  std::string_view name;  // "Q4_1"
  int64_t block_values;   // values in a block
  int64_t block_bytes;    // bytes of a block
};

// Nothing for a type number we do not read.
[[nodiscard]] std::optional<GgufTypeInfo> gguf_type_info(uint32_t type);

[[nodiscard]] std::string gguf_type_names();  // "F32 F16 ...", those we read

// Writes num_blocks * block_values floats to `out` from num_blocks * block_bytes bytes at `blocks`,
// which may be unaligned. One thread.
void dequantize(GgufType type, const std::byte* blocks, int64_t num_blocks, float* out);

}  // namespace charter::model
