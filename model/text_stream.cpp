#include "model/text_stream.hpp"

#include <algorithm>

namespace charter::model {

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop)
    : decoder_(tokenizer), stop_(std::move(stop)) {}

// Bytes from the first place on where the text may be the beginning of a stop string.
size_t TextStream::held_back() const {
  size_t held = 0;
  for (const std::string& stop : stop_) {
    const size_t found = text_.find(stop, shown_);
    if (found != std::string::npos) held = std::max(held, text_.size() - found);
    for (size_t n = std::min(stop.size() - 1, text_.size() - shown_); n > held; --n) {
      if (text_.ends_with(std::string_view(stop).substr(0, n))) held = n;
    }
  }
  return held;
}

void TextStream::push(int32_t token) {
  const size_t before = text_.size();
  text_ += decoder_.push(token);
  for (const std::string& stop : stop_) {
    const size_t overlap = std::min(before, stop.size() - 1);
    stopped_ = stopped_ || text_.find(stop, before - overlap) != std::string::npos;
  }
}

std::string TextStream::take() {
  const size_t end = text_.size() - held_back();
  const std::string piece = text_.substr(shown_, end - shown_);
  shown_ = end;
  return piece;
}

}  // namespace charter::model
