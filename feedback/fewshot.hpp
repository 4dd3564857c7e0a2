// Few-shot examples of the two procedures, from the project's JSONL or the paper's JSON.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "feedback/conversation.hpp"

namespace charter::feedback {

// One finished critique and revision, rendered from "\n\nHuman: " to the revision's text.
struct CritiqueExample {
  std::string text;              // with its critique
  std::string without_critique;  // conversation, revision request, revision (direct revision)
};

// One comparison whose better answer is known.
struct FeedbackExample {
  Conversation prompt;
  std::string chosen;
  std::string rejected;
};

// .jsonl: {prompt, response, critique_request, critique, revision_request, revision} a line, where
// prompt is one human turn, or a transcript if it begins with a turn marker.
// .json: the paper's list of strings; a trailing "\n\nHuman:" is removed.
// Throws std::runtime_error "FILE:LINE: ..." on a missing, empty or malformed file.
[[nodiscard]] std::vector<CritiqueExample> load_critique_examples(
    const std::filesystem::path& file);

// .jsonl: {prompt, chosen, rejected}. .json: the paper's list of
// {prompt, corrects: [text], incorrects: [text]}.
[[nodiscard]] std::vector<FeedbackExample> load_feedback_examples(
    const std::filesystem::path& file);

}  // namespace charter::feedback
