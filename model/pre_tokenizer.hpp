// Cuts text into the pieces that BPE works on. Patterns mean what they mean to the `tokenizers`
// library, since the engine is the same one: Oniguruma, with its own syntax. Another engine takes
// most of them too, but as something else: "^" of every line, "{1,3}+", "&&" in a class, "\h".
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer_spec.hpp"

namespace charter::model {

// Of all steps together. A class of Unicode characters takes a kilobyte a byte of its pattern, so
// this bounds what a small file makes us keep; published patterns have a few hundred.
constexpr size_t kMaxPatternBytes = 4096;

// Immutable after construction; safe to use from several threads at once.
class PreTokenizer {
 public:
  // Throws std::runtime_error with the pattern and the reason when one does not compile, or holds a
  // construct that versions of the engine read differently.
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
