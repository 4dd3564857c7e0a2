#include "actors/transport/frame_parts.hpp"

#include <utility>

namespace charter::transport {

void PartJoiner::add(Blob piece) {
  const size_t size = piece.size;
  bytes_ += size;
  spoilt_ = spoilt_ || size > kPieceBytes || bytes_ > max_bytes_ || parts_.size() == max_parts_;
  if (spoilt_) {
    parts_.clear();
    open_.clear();
    return;
  }
  open_.push_back(std::move(piece));
  if (size < kPieceBytes) close_part();
}

void PartJoiner::close_part() {
  if (open_.size() == 1) {
    parts_.push_back(std::move(open_.front()));
  } else {
    std::string whole;
    whole.reserve((open_.size() - 1) * kPieceBytes + open_.back().size);
    for (const Blob& piece : open_)
      whole.append(static_cast<const char*>(piece.data.get()), piece.size);
    parts_.push_back(Blob::take(std::move(whole)));
  }
  open_.clear();
}

std::vector<Blob> PartJoiner::take() {
  if (!open_.empty()) parts_.clear();
  return std::move(parts_);
}

}  // namespace charter::transport
