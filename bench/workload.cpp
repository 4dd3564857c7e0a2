#include "bench/workload.hpp"

#include <algorithm>
#include <cmath>

namespace charter::bench {
namespace {

constexpr int64_t kFirstOrdinaryId = 100;

// A linear congruential generator (Knuth, MMIX); workload.py has the same lines.
class Draw {
 public:
  explicit Draw(uint64_t seed) : state_((seed + 1) * 0x9E3779B97F4A7C15ull) {}
  uint64_t below(uint64_t n) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return (state_ >> 33) % n;
  }

 private:
  uint64_t state_;
};

double fraction(int64_t i, int64_t count) {
  return static_cast<double>(i) / static_cast<double>(std::max<int64_t>(count - 1, 1));
}

}  // namespace

std::vector<int32_t> token_ids(int64_t count, uint64_t seed, int64_t vocab) {
  Draw draw(seed);
  const auto range = static_cast<uint64_t>(vocab - kFirstOrdinaryId);
  std::vector<int32_t> result;
  for (int64_t i = 0; i < count; ++i) {
    result.push_back(static_cast<int32_t>(draw.below(range)) + kFirstOrdinaryId);
  }
  return result;
}

std::vector<std::vector<int32_t>> sequences(const std::vector<int64_t>& lengths, uint64_t run,
                                            int64_t vocab) {
  std::vector<std::vector<int32_t>> result;
  for (size_t i = 0; i < lengths.size(); ++i) {
    result.push_back(token_ids(lengths[i], run * 1000 + i, vocab));
  }
  return result;
}

std::vector<std::vector<int32_t>> pair_sequences(const std::string& bench_case,
                                                 const std::vector<int64_t>& lengths, uint64_t run,
                                                 int64_t vocab) {
  auto drawn = sequences(lengths, run, vocab);
  const size_t pairs = drawn.size() / 2;
  for (size_t i = 0; bench_case == "shared" && i < pairs; ++i) {
    auto& second = drawn[pairs + i];
    std::copy_n(drawn[i].begin(), second.size() / 2, second.begin());
  }
  return drawn;
}

std::vector<float> unit_floats(int64_t count, uint64_t seed) {
  Draw draw(seed);
  std::vector<float> result;
  for (int64_t i = 0; i < count; ++i) {
    result.push_back(static_cast<float>(draw.below(1u << 20)) / (1u << 19) - 1.0f);
  }
  return result;
}

std::vector<int64_t> long_tail(int64_t count) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i) {
    result.push_back(std::llround(8 * std::pow(32.0, fraction(i, count))));
  }
  return result;
}

std::vector<int64_t> train_lengths(const std::string& bench_case, int64_t length, int64_t count) {
  std::vector<int64_t> result(static_cast<size_t>(count), length);
  if (!bench_case.ends_with("mixed")) return result;
  for (int64_t i = 0; i < count; ++i) {
    result[static_cast<size_t>(i)] = std::llround(32 + 224 * fraction(i, count));
  }
  Draw draw(1);
  for (size_t i = result.size(); i > 1; --i) std::swap(result[i - 1], result[draw.below(i)]);
  return result;
}

}  // namespace charter::bench
