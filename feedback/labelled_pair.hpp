// Comparisons with a known answer, put in random order to measure a judge or a preference model on:
// a file lists the better response first, and a judge that says "first" must not look right.
#pragma once

#include <cstdint>

#include "feedback/datasets.hpp"
#include "feedback/judge.hpp"

namespace charter::feedback {

struct LabelledPair {
  ResponsePair pair;  // id: stable_hash of the row's id
  bool first_better = true;
};

// The order is drawn by (seed, row id): the same on every replay.
[[nodiscard]] LabelledPair labelled_pair(const ComparisonRow& row, std::uint64_t seed);

}  // namespace charter::feedback
