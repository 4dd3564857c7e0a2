#include "feedback/transcript.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

namespace charter::feedback {
namespace {

// What stands before a marker, the weakest last.
enum class Before { kBlankLine, kLine, kSpace };

struct Mark {
  std::size_t begin = 0;  // its first byte
  std::size_t text = 0;   // first byte after it
  std::string_view name;  // "Human"
  Role role = Role::kHuman;
  Before before = Before::kBlankLine;
};

struct RoleName {
  std::string_view name;
  Role role;
  bool begins;  // a text that begins with it is a transcript
};
constexpr RoleName kRoleNames[] = {
    {"human", Role::kHuman, true},         {"user", Role::kHuman, true},
    {"assistant", Role::kAssistant, true}, {"system", Role::kSystem, true},
    {"ai", Role::kAssistant, false},       {"bot", Role::kAssistant, false}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::size_t skip(std::string_view text, std::size_t at, std::string_view characters) {
  return std::min(text.find_first_not_of(characters, at), text.size());
}

const RoleName* role_named(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kRoleNames), std::end(kRoleNames),
                   [known = lower(name)](const RoleName& role) { return role.name == known; });
  return found == std::end(kRoleNames) ? nullptr : found;
}

// The marker whose first byte is text[begin]; Markdown around the name is part of it.
std::optional<Mark> mark_at(std::string_view text, std::size_t begin, Before before) {
  const bool plain = before == Before::kSpace;
  const std::size_t at = plain ? begin : skip(text, begin, "#*_>[< ");
  std::size_t end = at;
  while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end])) != 0) ++end;
  std::size_t colon = plain ? end : skip(text, end, "*_]> \t");
  if (end == at || colon == text.size() || text[colon] != ':') return std::nullopt;
  const std::string_view name = text.substr(at, end - at);
  const RoleName* known = role_named(name);
  if (known == nullptr) return std::nullopt;
  colon = plain ? colon + 1 : skip(text, colon + 1, "*_");
  return Mark{begin, colon, name, known->role, before};
}

// All that may be markers: at the beginning of a line, and between words.
std::vector<Mark> marks_of(std::string_view text) {
  std::vector<Mark> marks;
  bool blank = true;  // the line before is
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    const std::size_t first = std::min(skip(text, line, " \t"), end);
    std::size_t at = first;
    if (const auto mark = mark_at(text, first, blank ? Before::kBlankLine : Before::kLine);
        mark && mark->text <= end) {
      marks.push_back(*mark);
      at = mark->text;
    }
    for (at = text.find(' ', at); at < end; at = text.find(' ', at + 1)) {
      if (const auto mark = mark_at(text, at + 1, Before::kSpace); mark && mark->text <= end)
        marks.push_back(*mark);
    }
    blank = first == end;
    line = end + 1;
  }
  return marks;
}

// Of the names for a role only the first is one in this transcript: "user: root" in a text stays.
void keep_first_names(std::vector<Mark>& marks) {
  std::array<std::string_view, 3> names;
  std::vector<Mark> kept;
  for (const Mark& mark : marks) {
    std::string_view& name = names[static_cast<std::size_t>(mark.role)];
    if (name.empty() && mark.before != Before::kSpace) name = mark.name;
    if (name == mark.name || (name.empty() && lower(mark.name) != mark.name)) kept.push_back(mark);
  }
  marks = std::move(kept);
}

std::string_view between(std::string_view text, std::size_t begin, std::size_t end) {
  return trim(text.substr(begin, end - begin));
}

// The transcript that begins with marks.front().
Read transcript(std::string_view text, std::vector<Mark> marks) {
  keep_first_names(marks);
  Before separator = Before::kSpace;
  for (std::size_t i = 1; i < marks.size(); ++i) separator = std::min(separator, marks[i].before);
  Conversation turns;
  std::size_t next = 1;
  for (std::size_t i = 0; i < marks.size(); i = next) {
    for (next = i + 1; next < marks.size() && marks[next].before != separator; ++next) {
      // A line that begins as a turn does, among turns that begin after a blank line.
      if (marks[next].before == Before::kLine) return Skip::kTurnMarkers;
    }
    const std::size_t end = next < marks.size() ? marks[next].begin : text.size();
    const std::string_view turn = between(text, marks[i].text, end);
    if (marks[i].role == Role::kSystem && i > 0) return Skip::kLateSystem;
    // Within a line only the place where an answer is to begin is sure.
    const bool bare = marks[i].role == Role::kAssistant && turn.empty() && next == marks.size();
    if (separator == Before::kSpace && i > 0 && !bare) return Skip::kTurnMarkers;
    turns.push_back({marks[i].role, std::string(turn)});
  }
  return turns;
}

bool is_chat_markup(std::string_view text) {
  static constexpr std::string_view kBeginnings[] = {"<|im_start|>",
                                                     "<|start_header_id|>",
                                                     "<|begin_of_text|>",
                                                     "[INST]",
                                                     "<s>[INST]",
                                                     "<s> [INST]",
                                                     "<|user|>",
                                                     "<|system|>",
                                                     "<|assistant|>",
                                                     "<start_of_turn>",
                                                     "<bos>",
                                                     "### Instruction:"};
  return std::any_of(std::begin(kBeginnings), std::end(kBeginnings),
                     [text](std::string_view beginning) { return text.starts_with(beginning); });
}

// Lines end as they do in Unix, whatever wrote them.
std::string with_line_feeds(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i] == '\r' ? '\n' : text[i];
  }
  return out;
}

// A text that begins without a marker. One that ends on the assistant's asks for an answer: behind
// a human marker it is a transcript with something before it.
Read plain_text(std::string_view text) {
  const std::vector<Mark> marks = marks_of(text);
  if (marks.empty() || marks.back().role != Role::kAssistant || marks.back().text < text.size())
    return single_turn(text);
  const Mark& last = marks.back();
  const auto capital = [](const Mark& mark) { return lower(mark.name) != mark.name; };
  const bool human = std::any_of(marks.begin(), marks.end(), [&](const Mark& mark) {
    return mark.role == Role::kHuman && (mark.before != Before::kSpace || capital(mark));
  });
  if (human && (last.before != Before::kSpace || lower(last.name) == "assistant"))
    return Skip::kTurnMarkers;
  if (last.before == Before::kSpace) return single_turn(text);
  return single_turn(trim(text.substr(0, last.begin)));
}

// Without an empty answer at its end; unusable if what is kept would be read as other turns.
Read checked(Conversation turns) {
  if (turns.size() > 1 && turns.back().role == Role::kAssistant && turns.back().text.empty())
    turns.pop_back();
  if (turns.empty() || turns.back().text.empty()) return Skip::kEmpty;
  if (parse(render(turns)) != turns) return Skip::kTurnMarkers;
  return turns;
}

Read read_messages(const JsonRow& row, const char* key, const nlohmann::json& list) {
  Conversation turns;
  for (const nlohmann::json& message : list) {
    const std::string where = std::string(key) + "[" + std::to_string(turns.size()) + "]";
    const auto text = [&](const char* part) {
      const auto found = message.is_object() ? message.find(part) : message.end();
      if (found == message.end())
        fail(*row.file, row.line,
             where + ": expected an object with the texts 'role' and 'content'");
      if (!found->is_string())
        fail(*row.file, row.line,
             where + "." + part + " is " + described(*found) + ", expected a text");
      return found->get<std::string>();
    };
    const std::string name = text("role");
    const RoleName* known = role_named(name);
    if (known == nullptr || !known->begins || (known->role == Role::kSystem && !turns.empty()))
      fail(*row.file, row.line,
           where + ".role is \"" + name + "\", expected user, assistant or, first, system");
    const std::string content = text("content");
    turns.push_back({known->role, std::string(trim(content))});
  }
  return checked(std::move(turns));
}

}  // namespace

bool is_transcript(std::string_view text) {
  const auto mark = mark_at(trim(text), 0, Before::kBlankLine);
  return mark && role_named(mark->name)->begins;
}

Read read_conversation(std::string_view raw) {
  const std::string normal = with_line_feeds(raw);
  const std::string_view text = trim(normal);
  if (text.empty()) return Skip::kEmpty;
  if (is_chat_markup(text)) return Skip::kChatMarkup;
  Read read = is_transcript(text) ? transcript(text, marks_of(text)) : plain_text(text);
  if (auto* turns = std::get_if<Conversation>(&read)) return checked(std::move(*turns));
  return read;
}

Read read_conversation(const JsonRow& row, const char* key) {
  const auto found = row.value.find(key);
  if (found != row.value.end() && found->is_array()) return read_messages(row, key, *found);
  if (found != row.value.end() && found->is_null()) return Skip::kEmpty;
  return read_conversation(row.text(key));
}

Read opening_of(Read read) {
  const auto* turns = std::get_if<Conversation>(&read);
  if (turns == nullptr) return read;
  Conversation opening;
  for (const Turn& turn : *turns) {
    if (turn.role == Role::kAssistant || turn.text.empty()) continue;
    opening.push_back(turn);
    if (turn.role == Role::kHuman) return opening;
  }
  return Skip::kNoHumanTurn;
}

Read prompt_of(Read read) {
  const auto* turns = std::get_if<Conversation>(&read);
  return turns == nullptr || turns->back().role == Role::kHuman ? read
                                                                : opening_of(std::move(read));
}

}  // namespace charter::feedback
