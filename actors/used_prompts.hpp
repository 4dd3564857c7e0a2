// Which prompts a run has trained on and which it has held out, as its ledger knows. With the data
// files that it began with, a file's own splits say the same; a file that has changed since may
// have a prompt on the other side, where it must not be used: a model is not measured on what it
// has learned.
#pragma once
#include <set>
#include <string>

#include "feedback/datasets.hpp"
#include "store/ledger.hpp"

namespace charter::actors {

// Ends the line that says how many rows were left out for it.
inline constexpr const char* kLeftOut = "they are left out";

class UsedPrompts {
 public:
  // Of data.red_team ("red_team") or data.helpful ("helpful").
  [[nodiscard]] static UsedPrompts of_prompts(const store::Ledger& ledger,
                                              const std::string& group);
  // Of data.helpfulness, by what the pairs answer.
  [[nodiscard]] static UsedPrompts of_comparisons(const store::Ledger& ledger);

  // Whether a prompt may be used on this side. Compared as the readers compare two prompts of a
  // file: without case and punctuation.
  [[nodiscard]] bool allows(const feedback::Conversation& prompt, feedback::Split split) const;

 private:
  void add(const std::string& prompt, bool held_out);
  std::set<std::string> trained_, held_out_;
};

}  // namespace charter::actors
