// Cuts text into the pieces that BPE works on, with PCRE2 (UTF, Unicode properties, compiled to
// machine code where the machine allows).
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer_spec.hpp"

namespace charter::model {

// Immutable after construction; safe to use from several threads at once.
class PreTokenizer {
 public:
  // Throws std::runtime_error with the pattern and the position when one does not compile.
  explicit PreTokenizer(const std::vector<PreTokenizerStep>& steps);
  ~PreTokenizer();

  // Calls `piece` on each piece of valid UTF-8, in order; together they are the text.
  void split(std::string_view text, const std::function<void(std::string_view)>& piece) const;

 private:
  struct Pattern;
  void split_from(size_t step, std::string_view text,
                  const std::function<void(std::string_view)>& piece) const;
  std::vector<std::unique_ptr<Pattern>> patterns_;
};

}  // namespace charter::model
