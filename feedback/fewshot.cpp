#include "feedback/fewshot.hpp"

#include "feedback/transcript.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view kCritiqueRequest = "\n\nCritiqueRequest:";
constexpr std::string_view kCritique = "\n\nCritique:";
constexpr std::string_view kRevisionRequest = "\n\nRevisionRequest:";
constexpr std::string_view kRevision = "\n\nRevision:";

Conversation prompt_of_row(const JsonRow& row) {
  const Read read = read_conversation(row, "prompt");
  if (const Skip* why = std::get_if<Skip>(&read))
    fail(*row.file, row.line, std::string("key 'prompt': the row is ") + name(*why));
  const auto& turns = std::get<Conversation>(read);
  if (turns.back().role != Role::kHuman)
    fail(*row.file, row.line, "key 'prompt' does not end on a human turn");
  return turns;
}

CritiqueExample from_row(const JsonRow& row) {
  const auto append = [&row](std::string* text, std::string_view marker, const char* key) {
    *text += std::string(marker) + " " + row.nonempty_text(key);
  };
  std::string conversation = render(prompt_of_row(row));
  append(&conversation, kAssistantMarker, "response");
  std::string critique;
  append(&critique, kCritiqueRequest, "critique_request");
  append(&critique, kCritique, "critique");
  std::string revision;
  append(&revision, kRevisionRequest, "revision_request");
  append(&revision, kRevision, "revision");
  return {conversation + critique + revision, conversation + revision};
}

// The paper's strings end, all but one, on the marker of a next conversation.
CritiqueExample from_paper(const Path& file, std::size_t index, std::string_view text) {
  if (text.ends_with(kHumanMarker)) text.remove_suffix(kHumanMarker.size());
  const std::size_t critique = text.find(kCritiqueRequest);
  const std::size_t revision = text.find(kRevisionRequest);
  if (!text.starts_with(kHumanMarker) || critique >= revision ||
      revision == std::string_view::npos ||
      text.find(kRevision, revision + kRevisionRequest.size()) == std::string_view::npos) {
    fail(file, 0,
         "example " + std::to_string(index) +
             ": expected a conversation, a critique and a revision with their markers");
  }
  return {std::string(text),
          std::string(text.substr(0, critique)) + std::string(text.substr(revision))};
}

std::string single_text(const Path& file, const nlohmann::json& item, const char* key) {
  const auto at = item.find(key);
  if (at == item.end() || !at->is_array() || at->size() != 1 || !at->front().is_string()) {
    fail(file, 0, std::string("key '") + key + "': expected an array of one text");
  }
  return std::string(trim(at->front().get<std::string>()));
}

}  // namespace

std::vector<CritiqueExample> load_critique_examples(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  std::vector<CritiqueExample> examples;
  if (extension_of(file) == ".json") {
    const nlohmann::json root = parse_json(file, text);
    if (!root.is_array()) fail(file, 1, "expected an array of texts");
    for (const auto& item : root) {
      if (!item.is_string()) fail(file, 0, "expected an array of texts");
      examples.push_back(from_paper(file, examples.size(), item.get<std::string>()));
    }
    return examples;
  }
  for (const JsonRow& row : json_rows(file, text)) examples.push_back(from_row(row));
  return examples;
}

std::vector<FeedbackExample> load_feedback_examples(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  std::vector<FeedbackExample> examples;
  for (const JsonRow& row : json_rows(file, text)) {
    FeedbackExample example;
    example.prompt = prompt_of_row(row);
    const bool paper = row.has("corrects");
    example.chosen = paper ? single_text(file, row.value, "corrects") : row.nonempty_text("chosen");
    example.rejected =
        paper ? single_text(file, row.value, "incorrects") : row.nonempty_text("rejected");
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace charter::feedback
