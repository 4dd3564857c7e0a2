#include "feedback/conversation.hpp"

#include <stdexcept>

namespace charter::feedback {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view marker(Role role) {
  switch (role) {
    case Role::kHuman:
      return kHumanMarker;
    case Role::kAssistant:
      return kAssistantMarker;
    case Role::kSystem:
      break;
  }
  return kSystemMarker;
}

struct MarkerAt {
  std::size_t begin = std::string_view::npos;
  std::size_t text = std::string_view::npos;  // first byte after the marker
  Role role = Role::kHuman;
};

MarkerAt next_marker(std::string_view text, std::size_t from) {
  if (from == 0 && text.starts_with(kSystemMarker)) return {0, kSystemMarker.size(), Role::kSystem};
  const std::size_t human = text.find(kHumanMarker, from);
  const std::size_t assistant = text.find(kAssistantMarker, from);
  if (human == std::string_view::npos && assistant == std::string_view::npos) return {};
  if (human < assistant) return {human, human + kHumanMarker.size(), Role::kHuman};
  return {assistant, assistant + kAssistantMarker.size(), Role::kAssistant};
}

}  // namespace

Conversation single_turn(std::string_view text) { return {Turn{Role::kHuman, std::string(text)}}; }

std::string render(const Conversation& conversation) {
  std::string out;
  for (const Turn& turn : conversation) {
    out += marker(turn.role);
    if (!turn.text.empty()) {
      out += ' ';
      out += turn.text;
    }
  }
  return out;
}

std::string render_prompt(const Conversation& prompt) {
  return render(prompt) + std::string(kAssistantMarker);
}

Conversation parse(std::string_view text) {
  MarkerAt at = next_marker(text, 0);
  if (at.begin != 0) {
    throw std::runtime_error("transcript begins with \"" + std::string(text.substr(0, 20)) +
                             "\", expected two newlines and \"Human:\" or \"Assistant:\"");
  }
  Conversation turns;
  while (at.begin != std::string_view::npos) {
    const MarkerAt following = next_marker(text, at.text);
    const std::size_t end = std::min(following.begin, text.size());
    turns.push_back({at.role, std::string(trim(text.substr(at.text, end - at.text)))});
    at = following;
  }
  return turns;
}

Conversation parse_prompt(std::string_view text) {
  if (trim(text).empty()) throw std::runtime_error("prompt is empty");
  if (next_marker(text, 0).begin != 0) return single_turn(trim(text));
  Conversation turns = parse(text);
  if (turns.back().role == Role::kAssistant && turns.back().text.empty()) turns.pop_back();
  if (turns.empty() || turns.back().role != Role::kHuman) {
    throw std::runtime_error("prompt does not end on a human turn");
  }
  return turns;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace charter::feedback
