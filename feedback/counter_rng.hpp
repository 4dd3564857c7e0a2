// Random draws that depend only on their key: the same (seed, work id, round) gives the same draw
// on every replay, whatever order the work arrives in. Mixing function: splitmix64 (Steele, Lea,
// Flood 2014, "Fast splittable pseudorandom number generators", figure 16).
#pragma once

#include <cstdint>
#include <string_view>

namespace charter::feedback {

// What a draw depends on. `round` separates draws of one work item.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint64_t work_id = 0;
  std::uint64_t round = 0;
};

[[nodiscard]] std::uint64_t splitmix64(std::uint64_t x);

// 64 well-mixed bits of a text (FNV-1a, then splitmix64); stable across machines and runs.
[[nodiscard]] std::uint64_t stable_hash(std::string_view text);

[[nodiscard]] std::uint64_t draw_bits(const DrawKey& key);

// Uniform in [0, n). Throws std::invalid_argument if n is 0.
[[nodiscard]] std::uint64_t draw_index(const DrawKey& key, std::uint64_t n);

// Uniform in [0, 1), 53 bits.
[[nodiscard]] double draw_unit(const DrawKey& key);

}  // namespace charter::feedback
