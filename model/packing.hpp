// Sequences end to end in one batch, without padding; beginnings that several share once. Shapes: T
// rows of the batch.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace charter::model {

// Packed rows [begin, end). Their tokens follow those of the segment `prefix`, if it is not -1.
struct Segment {
  int64_t begin = 0, end = 0;
  int64_t prefix = -1;
};

// Sequences end to end, without padding; a beginning that several share lies there once.
struct PackedSequences {
  at::Tensor tokens;              // [T] int64
  at::Tensor positions;           // [T] int64, from 0 in each sequence
  std::vector<Segment> segments;  // of rows, ascending; those of one prefix follow it side by side
  std::vector<size_t> ends;       // sequence i ends with segment ends[i]

  // Where token `token` of sequence `sequence` lies.
  [[nodiscard]] int64_t row(size_t sequence, int64_t token) const;
  [[nodiscard]] int64_t length(size_t sequence) const;  // tokens, its shared beginning included
};

// Sequence by sequence, in order. Throws std::invalid_argument on an empty list or an empty
// sequence.
[[nodiscard]] PackedSequences pack(std::span<const std::vector<int32_t>> sequences,
                                   at::Device device = at::kCPU);

// The same rows, common beginnings of kSharedTokens and more once. Gradients of the rows they are
// read from add up.
constexpr int64_t kSharedTokens = 16;
[[nodiscard]] PackedSequences pack_shared(std::span<const std::vector<int32_t>> sequences,
                                          at::Device device = at::kCPU);
// Rows that pack_shared saves of these two.
[[nodiscard]] int64_t shared_beginning(const std::vector<int32_t>& a,
                                       const std::vector<int32_t>& b);

}  // namespace charter::model
