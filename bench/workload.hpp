// What the benches work on: sizes, lengths and token ids, the same that bench/peers/workload.py
// draws for the peers, so that both sides' numbers can be compared and not their speed alone.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace charter::bench {

// Ids of ordinary tokens, [100, vocab): those below are control tokens.
[[nodiscard]] std::vector<int32_t> token_ids(int64_t count, uint64_t seed, int64_t vocab);

// One sequence a length; sequence i of run K has the seed 1000 K + i.
[[nodiscard]] std::vector<std::vector<int32_t>> sequences(const std::vector<int64_t>& lengths,
                                                          uint64_t run, int64_t vocab);

// The first of each pair, then the seconds; in the case "shared" a pair's begin alike for half of
// the second's length.
[[nodiscard]] std::vector<std::vector<int32_t>> pair_sequences(const std::string& bench_case,
                                                               const std::vector<int64_t>& lengths,
                                                               uint64_t run, int64_t vocab);

// In [-1, 1): value heads, scores.
[[nodiscard]] std::vector<float> unit_floats(int64_t count, uint64_t seed);

// 8 to 256 in equal ratios: half of the sequences are shorter than 45.
[[nodiscard]] std::vector<int64_t> long_tail(int64_t count);

// All `length`, or, for a case that ends in "mixed", 32 to 256 in equal steps, shuffled.
[[nodiscard]] std::vector<int64_t> train_lengths(const std::string& bench_case, int64_t length,
                                                 int64_t count);

}  // namespace charter::bench
