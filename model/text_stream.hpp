// The text of a response while it is generated: whether a stop string has come, and pieces that may
// be shown at once, which are whole characters and never the beginning of a stop string that may
// still come. A token costs the length of the stop strings, however long the text is. Used by one
// thread.
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

  // The next token's text; special tokens are passed over.
  void push(int32_t token);
  // The text holds a stop string, whatever tokens it came in.
  [[nodiscard]] bool stopped() const { return stopped_; }
  // What may be shown beyond what take() gave.
  [[nodiscard]] std::string take();
  // What `text`, the whole response cut before a stop string, has beyond what take() gave.
  [[nodiscard]] std::string rest_of(const std::string& text) const { return text.substr(shown_); }

 private:
  [[nodiscard]] size_t held_back() const;

  StreamDecoder decoder_;
  std::vector<std::string> stop_;
  std::string text_;  // decoded so far
  size_t shown_ = 0;  // bytes of it given out
  bool stopped_ = false;
};

}  // namespace charter::model
