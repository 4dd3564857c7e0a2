#include "model/packing.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace charter::model {
namespace {

using Tokens = std::vector<int32_t>;

int64_t common_beginning(const Tokens& a, const Tokens& b) {
  const auto most = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first -
         a.begin();
}

// The segment that `own` follows; without rows where it follows none.
Segment beginning(const std::vector<Segment>& segments, const Segment& own) {
  return own.prefix < 0 ? Segment{} : segments[static_cast<size_t>(own.prefix)];
}

void check(std::span<const Tokens> sequences) {
  if (sequences.empty()) {
    throw std::invalid_argument("sequences: got none, expected at least one");
  }
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (!sequences[i].empty()) continue;
    throw std::invalid_argument("sequences[" + std::to_string(i) +
                                "]: got no tokens, expected at least one");
  }
}

// Lays rows out one segment after the other.
struct Layout {
  PackedSequences packed;
  std::vector<int64_t> tokens, positions;

  void add(const Tokens& sequence, int64_t from, int64_t to, int64_t prefix) {
    const auto begin = static_cast<int64_t>(tokens.size());
    packed.segments.push_back({begin, begin + to - from, prefix});
    tokens.insert(tokens.end(), sequence.begin() + from, sequence.begin() + to);
    positions.resize(tokens.size());
    std::iota(positions.begin() + begin, positions.end(), from);
  }

  PackedSequences finish(at::Device device) {
    const auto on_device = [&](const std::vector<int64_t>& v) { return at::tensor(v).to(device); };
    packed.tokens = on_device(tokens);
    packed.positions = on_device(positions);
    return std::move(packed);
  }
};

// Neighbours in `order`, from `begin` on, that are best computed after one beginning: their number
// and its length. Each keeps a token of its own. One more joins while rows are saved by it.
struct Group {
  size_t count = 1;
  int64_t shared = 0;
};

Group group_from(std::span<const Tokens> sequences, std::span<const size_t> order, size_t begin) {
  const Tokens& first = sequences[order[begin]];
  Group group{1, static_cast<int64_t>(first.size()) - 1};
  int64_t saved = 0;
  while (begin + group.count < order.size()) {
    const Tokens& next = sequences[order[begin + group.count]];
    const int64_t shared = std::min(
        {group.shared, common_beginning(first, next), static_cast<int64_t>(next.size()) - 1});
    const int64_t saves = static_cast<int64_t>(group.count) * shared;
    if (shared < kSharedTokens || saves <= saved) break;
    group = {group.count + 1, shared};
    saved = saves;
  }
  return group;
}

}  // namespace

int64_t shared_beginning(const Tokens& a, const Tokens& b) {
  const auto most = static_cast<int64_t>(std::min(a.size(), b.size())) - 1;
  const int64_t shared = std::min(most, common_beginning(a, b));
  return shared < kSharedTokens ? 0 : shared;
}

int64_t PackedSequences::row(size_t sequence, int64_t token) const {
  const Segment& own = segments[ends[sequence]];
  const Segment shared = beginning(segments, own);
  const int64_t n = shared.end - shared.begin;
  return token < n ? shared.begin + token : own.begin + token - n;
}

int64_t PackedSequences::length(size_t sequence) const {
  const Segment& own = segments[ends[sequence]];
  const Segment shared = beginning(segments, own);
  return own.end - own.begin + shared.end - shared.begin;
}

PackedSequences pack(std::span<const Tokens> sequences, at::Device device) {
  check(sequences);
  Layout layout;
  for (const Tokens& sequence : sequences) {
    layout.packed.ends.push_back(layout.packed.segments.size());
    layout.add(sequence, 0, static_cast<int64_t>(sequence.size()), -1);
  }
  return layout.finish(device);
}

PackedSequences pack_shared(std::span<const Tokens> sequences, at::Device device) {
  check(sequences);
  std::vector<size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sequences[a] < sequences[b]; });
  Layout layout;
  layout.packed.ends.resize(sequences.size());
  for (size_t begin = 0; begin < order.size();) {
    const Group group = group_from(sequences, order, begin);
    const bool alone = group.count == 1;
    const int64_t from = alone ? 0 : group.shared;
    int64_t prefix = -1;
    if (!alone) {
      prefix = static_cast<int64_t>(layout.packed.segments.size());
      layout.add(sequences[order[begin]], 0, from, -1);
    }
    for (const size_t i : std::span(order).subspan(begin, group.count)) {
      layout.packed.ends[i] = layout.packed.segments.size();
      layout.add(sequences[i], from, static_cast<int64_t>(sequences[i].size()), prefix);
    }
    begin += group.count;
  }
  return layout.finish(device);
}

}  // namespace charter::model
