#include <array>
#include <optional>
#include <variant>

#include "feedback/dataset_files.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

using Result = std::variant<ComparisonRow, Skip>;

// An answer by itself, or a conversation that ends on one.
Read side(const JsonRow& row, const char* key) {
  const auto& value = row.value[key];
  if (value.is_array() || (value.is_string() && is_transcript(row.text(key))))
    return read_conversation(row, key);
  std::string answer = answer_text(row, key);
  if (answer.empty()) return Skip::kEmpty;
  return Conversation{{Role::kAssistant, std::move(answer)}};
}

// Takes the answer off a conversation.
std::optional<std::string> take_answer(Conversation& turns) {
  if (turns.back().role != Role::kAssistant || turns.back().text.empty()) return std::nullopt;
  std::string answer = std::move(turns.back().text);
  turns.pop_back();
  return answer;
}

// chosen and rejected against `prompt`, or against each other where the row has none.
Result compared(const JsonRow& row, const std::optional<Conversation>& prompt) {
  Read chosen = side(row, "chosen");
  Read rejected = side(row, "rejected");
  for (const Read* read : {&chosen, &rejected}) {
    if (const Skip* why = std::get_if<Skip>(read)) return *why;
  }
  auto& better = std::get<Conversation>(chosen);
  auto& worse = std::get<Conversation>(rejected);
  const auto first = take_answer(better), second = take_answer(worse);
  if (!first || !second) return Skip::kNoAnswer;
  for (Conversation* before : {&better, &worse}) {
    if (prompt && before->empty()) *before = *prompt;
    if (prompt && *before != *prompt) return Skip::kNoCommonPrompt;
  }
  if (better != worse) return Skip::kNoCommonPrompt;
  if (better.empty() || better.back().role != Role::kHuman) return Skip::kNoHumanTurn;
  if (*first == *second) return Skip::kEqualAnswers;
  ComparisonRow out;
  out.prompt = std::move(better);
  out.chosen = *first;
  out.rejected = *second;
  return out;
}

Result from_own(const JsonRow& row) {
  const Read prompt = read_conversation(row, "prompt");
  if (const Skip* why = std::get_if<Skip>(&prompt)) return *why;
  Result result = compared(row, std::get<Conversation>(prompt));
  if (auto* out = std::get_if<ComparisonRow>(&result)) {
    out->split = split_of_row(row, normalized(render(out->prompt)));
    out->source = LabelSource::kAuthored;
  }
  return result;
}

Result from_hh(const JsonRow& row) {
  bool lists = false;
  for (const char* key : {"chosen", "rejected"}) {
    const auto& value = row.value[key];
    lists = lists || value.is_array();
    if (value.is_array() || value.is_null()) continue;
    const std::string text = row.text(key);
    if (trim(text).empty() || is_transcript(text)) continue;
    if (row.value.contains("prompt")) return Skip::kEmpty;  // a null beside two answers
    fail(
        *row.file, row.line,
        std::string("key '") + key +
            "': expected a transcript that begins with \"Human:\" or \"Assistant:\", since the row "
            "has no prompt");
  }
  Result result = compared(row, std::nullopt);
  if (auto* out = std::get_if<ComparisonRow>(&result)) {
    // By the first turn: conversations that grew from one opening stay together.
    out->split = split_of_row(row, normalized(out->prompt.front().text));
    // Transcripts are hh-rlhf's, lists of messages have any author.
    out->source = lists ? LabelSource::kAuthored : LabelSource::kHuman;
  }
  return result;
}

// 1 or 2 if most annotators chose it, else 0.
int majority(const JsonRow& row) {
  std::array<int, 3> votes{};
  int annotators = 0;
  for (int k = 1;; ++k) {
    const std::string key = "annotator" + std::to_string(k);
    if (!row.has(key.c_str())) break;
    const std::int64_t vote = row.integer(key.c_str());
    if (vote < 0 || vote > 2) {
      fail(*row.file, row.line,
           "key '" + key + "' is " + std::to_string(vote) + ", expected 0, 1 or 2");
    }
    ++votes[static_cast<std::size_t>(vote)];
    ++annotators;
  }
  if (2 * votes[1] > annotators) return 1;
  return 2 * votes[2] > annotators ? 2 : 0;
}

// PandaLM holds a few answers that its export turned from "True" into a JSON boolean.
std::string pandalm_response(const JsonRow& row, const char* key) {
  if (row.has(key) && row.value[key].is_boolean()) return row.boolean(key) ? "True" : "False";
  return std::string(trim(row.text(key)));
}

Result from_pandalm(const JsonRow& row) {
  const int better = majority(row);
  const Read prompt = instruction_prompt(row);
  const std::string first = pandalm_response(row, "response1");
  const std::string second = pandalm_response(row, "response2");
  if (const Skip* why = std::get_if<Skip>(&prompt)) return *why;
  if (better == 0) return Skip::kNoMajority;
  if (first.empty() || second.empty()) return Skip::kEmpty;
  if (first == second) return Skip::kEqualAnswers;
  ComparisonRow out;
  out.prompt = std::get<Conversation>(prompt);
  out.chosen = better == 1 ? first : second;
  out.rejected = better == 1 ? second : first;
  out.split = split_of_row(row, normalized(out.prompt.back().text));
  out.source = LabelSource::kHuman;
  return out;
}

Result from_row(const JsonRow& row) {
  if (row.has("annotator1")) return from_pandalm(row);
  if (row.value.empty()) return Skip::kEmpty;
  for (const char* key : {"chosen", "rejected"}) {
    if (row.value.contains(key)) continue;
    fail_keys(
        row, key,
        "chosen and rejected with or without prompt, or instruction, response1, response2 and "
        "annotator1");
  }
  return is_hh_row(row) ? from_hh(row) : from_own(row);
}

}  // namespace

Loaded<ComparisonRow> load_comparisons(const std::filesystem::path& file) {
  Loaded<ComparisonRow> out;
  UniqueIds ids;
  for (const JsonRow& row : json_file_rows(file, "JSON rows")) {
    Result result = from_row(row);
    if (const Skip* why = std::get_if<Skip>(&result)) {
      out.skipped.add(*why, row.line);
      continue;
    }
    auto& comparison = std::get<ComparisonRow>(result);
    comparison.id = id_of_row(row);
    ids.add(file, row.line, comparison.id);
    out.rows.push_back(std::move(comparison));
  }
  if (out.rows.empty()) fail(file, 0, "no row holds a usable comparison: " + out.skipped.text());
  return out;
}

}  // namespace charter::feedback
