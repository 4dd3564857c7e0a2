#include "feedback/counter_rng.hpp"

#include <stdexcept>

namespace charter::feedback {

std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const unsigned char byte : text) {
    hash = (hash ^ byte) * 0x100000001B3ULL;
  }
  return splitmix64(hash);
}

std::uint64_t draw_bits(const DrawKey& key) {
  // Chained, not xored: (1, 2) and (2, 1) are different keys.
  return splitmix64(splitmix64(splitmix64(key.seed) ^ key.work_id) ^ key.round);
}

std::uint64_t draw_index(const DrawKey& key, std::uint64_t n) {
  if (n == 0) throw std::invalid_argument("draw_index: n is 0, expected at least 1");
  // High word of a 128-bit product: uniform up to n / 2^64.
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(draw_bits(key)) * n) >> 64);
}

double draw_unit(const DrawKey& key) {
  return static_cast<double>(draw_bits(key) >> 11) * 0x1.0p-53;
}

}  // namespace charter::feedback
