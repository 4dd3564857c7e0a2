// The text of a response while it is generated, in pieces that may be shown at once: whole
// characters, and never the beginning of a stop string that may still come. Used by one thread.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/tokenizer.hpp"

namespace charter::model {

class TextStream {
 public:
  // The tokenizer must outlive it.
  TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop);

  // What the next token adds to what may be shown; special tokens are passed over.
  [[nodiscard]] std::string push(int32_t token);
  // What `text`, the whole response cut before a stop string, has beyond what push() gave.
  [[nodiscard]] std::string rest_of(const std::string& text) const { return text.substr(shown_); }

 private:
  [[nodiscard]] size_t held_back() const;

  StreamDecoder decoder_;
  std::vector<std::string> stop_;
  std::string text_;  // decoded so far
  size_t shown_ = 0;  // bytes of it given out
};

}  // namespace charter::model
