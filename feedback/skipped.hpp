// Rows of a data file that are well-formed and teach nothing: skipped, counted by kind, and said.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace charter::feedback {

enum class Skip : std::uint8_t {
  kEmpty,           // a prompt or an answer is null, empty or white space
  kRepeated,        // an earlier row's, compared without case and punctuation
  kEqualAnswers,    // nothing to prefer
  kNoMajority,      // annotators do not agree
  kNoCommonPrompt,  // two answers to different prompts
  kNoHumanTurn,     // or no answer after it
  kTurnMarkers,     // a turn's text holds what begins a turn: where it ends cannot be told
  kLateSystem,      // a system turn after the first turn
  kChatMarkup,      // the text begins with a chat template's markup
  kNoAnswer,
};
[[nodiscard]] const char* name(Skip why);  // "empty", "with equal answers", ...

class Skipped {
 public:
  // line: on which the row begins.
  void add(Skip why, std::int64_t line) { lines_[why].push_back(line); }
  [[nodiscard]] std::int64_t total() const;
  [[nodiscard]] std::int64_t count(Skip why) const;
  // "3 skipped: 2 empty (lines 4, 7), 1 repeated (line 9)"; "" when there is none. At most five
  // lines of a kind are named.
  [[nodiscard]] std::string text() const;

 private:
  std::map<Skip, std::vector<std::int64_t>> lines_;
};

}  // namespace charter::feedback
