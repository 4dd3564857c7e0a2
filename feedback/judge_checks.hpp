// Checks every judge makes on its input; internal to the folder.
#pragma once

#include <cstdint>
#include <span>

#include "feedback/judge.hpp"

namespace charter::feedback {

// Throws std::invalid_argument: a prompt that does not end on a human turn, an empty response.
void check_pair(const ResponsePair& pair);

// Throws std::invalid_argument on another number of scores than expected, std::runtime_error on
// numbers that no model can give.
void check_scores(std::span<const double> sums, std::span<const std::int64_t> token_counts,
                  std::size_t expected);

}  // namespace charter::feedback
