#include "feedback/labelled_pair.hpp"

#include "feedback/counter_rng.hpp"

namespace charter::feedback {

LabelledPair labelled_pair(const ComparisonRow& row, std::uint64_t seed) {
  LabelledPair out;
  out.pair.id = stable_hash(row.id);
  out.pair.prompt = row.prompt;
  out.first_better = draw_bits({splitmix64(seed), out.pair.id, 0}) % 2 == 0;
  out.pair.first = out.first_better ? row.chosen : row.rejected;
  out.pair.second = out.first_better ? row.rejected : row.chosen;
  return out;
}

}  // namespace charter::feedback
