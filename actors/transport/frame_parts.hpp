// How a frame's parts travel as ZeroMQ parts of bounded size. A socket reserves memory for a part
// when its length is announced, also for a peer that has not proven who it is: so parts are small,
// and a long one is cut. All pieces of a part but the last have exactly kPieceBytes; a part whose
// size is a multiple of it ends with an empty piece. Pure.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "actors/transport/blob.hpp"

namespace charter::transport {

inline constexpr size_t kPieceBytes = size_t{64} << 10;

// Pieces of a part of `size` bytes, at least 1.
[[nodiscard]] constexpr size_t pieces(size_t size) { return size / kPieceBytes + 1; }

class PartJoiner {
 public:
  // max_bytes: of all parts together; max_parts: of them.
  PartJoiner(size_t max_parts, size_t max_bytes) : max_parts_(max_parts), max_bytes_(max_bytes) {}

  // A frame that breaks a bound, or a piece that is too long, spoils the frame; what follows of it
  // is not kept.
  void add(Blob piece);

  // The frame is at its end. Its parts, a single piece without a copy; nothing when it was spoilt
  // or the last part is cut short.
  [[nodiscard]] std::vector<Blob> take();

 private:
  void close_part();

  size_t max_parts_, max_bytes_;
  std::vector<Blob> parts_;
  std::vector<Blob> open_;  // pieces of a part whose end has not come
  size_t bytes_ = 0;
  bool spoilt_ = false;
};

}  // namespace charter::transport
