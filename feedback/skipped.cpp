#include "feedback/skipped.hpp"

namespace charter::feedback {
namespace {

std::string places(const std::vector<std::int64_t>& lines) {
  constexpr std::size_t kNamed = 5;
  std::string text = lines.size() == 1 ? "line " : "lines ";
  for (std::size_t i = 0; i < lines.size() && i < kNamed; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(lines[i]);
  }
  if (lines.size() > kNamed) text += " and " + std::to_string(lines.size() - kNamed) + " more";
  return text;
}

}  // namespace

const char* name(Skip why) {
  switch (why) {
    case Skip::kEmpty:
      return "empty";
    case Skip::kRepeated:
      return "repeated";
    case Skip::kEqualAnswers:
      return "with equal answers";
    case Skip::kNoMajority:
      return "without a majority";
    case Skip::kNoCommonPrompt:
      return "without a common prompt";
    case Skip::kNoHumanTurn:
      return "without a human turn";
    case Skip::kTurnMarkers:
      return "with turn markers inside a text";
    case Skip::kLateSystem:
      return "with a system turn that is not the first";
    case Skip::kChatMarkup:
      return "in a chat template's markup";
    case Skip::kNoAnswer:
      break;
  }
  return "without an answer";
}

std::int64_t Skipped::total() const {
  std::int64_t sum = 0;
  for (const auto& [why, lines] : lines_) sum += static_cast<std::int64_t>(lines.size());
  return sum;
}

std::int64_t Skipped::count(Skip why) const {
  const auto found = lines_.find(why);
  return found == lines_.end() ? 0 : static_cast<std::int64_t>(found->second.size());
}

std::string Skipped::text() const {
  std::string text;
  for (const auto& [why, lines] : lines_) {
    text += (text.empty() ? "" : ", ") + std::to_string(lines.size()) + " " + name(why) + " (" +
            places(lines) + ")";
  }
  return text.empty() ? "" : std::to_string(total()) + " skipped: " + text;
}

}  // namespace charter::feedback
