// Conversations and their plain rendering, the "procedure format": every turn is
// "\n\nHuman: <text>" or "\n\nAssistant: <text>" (Bai et al. 2022, arXiv 2212.08073, and its
// repository; hh-rlhf uses the same bytes). A system turn, which stands only first, is written
// "\n\nSystem: <text>". Texts are UTF-8 without the space after the colon.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace charter::feedback {

inline constexpr std::string_view kHumanMarker = "\n\nHuman:";
inline constexpr std::string_view kAssistantMarker = "\n\nAssistant:";
inline constexpr std::string_view kSystemMarker = "\n\nSystem:";

enum class Role { kHuman, kAssistant, kSystem };

struct Turn {
  Role role = Role::kHuman;
  std::string text;
  bool operator==(const Turn&) const = default;
};

// A prompt is a conversation that ends on a human turn.
using Conversation = std::vector<Turn>;

// One human turn.
[[nodiscard]] Conversation single_turn(std::string_view text);

// "\n\nHuman: a\n\nAssistant: b\n\nHuman: c". An empty text renders as the bare marker
// "\n\nHuman:": no trailing space.
[[nodiscard]] std::string render(const Conversation& conversation);

// render() + "\n\nAssistant:"; a response is appended as " " + text.
[[nodiscard]] std::string render_prompt(const Conversation& prompt);

// Inverse of render() on trimmed texts without markers. White space around a turn's text is
// dropped; a system marker counts only at the beginning. A trailing bare "\n\nAssistant:" is a turn
// with an empty text. Throws std::runtime_error if the text does not begin with a marker.
[[nodiscard]] Conversation parse(std::string_view text);

// One human turn, or a transcript if the text begins with a marker; a bare "\n\nAssistant:" at its
// end is dropped. Throws std::runtime_error if it is empty or does not end on a human turn.
[[nodiscard]] Conversation parse_prompt(std::string_view text);

// Text without white space (space, tab, CR, LF) at its ends.
[[nodiscard]] std::string_view trim(std::string_view text);

}  // namespace charter::feedback
