#include <array>

#include "feedback/dataset_files.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

// An empty id marks a well-formed row that says nothing: the caller skips and counts it.
ComparisonRow skip() { return {}; }

ComparisonRow from_own(const JsonRow& row) {
  ComparisonRow out;
  out.id = id_of_row(row);
  out.prompt = prompt_of_row(row, "prompt");
  out.chosen = row.nonempty_text("chosen");
  out.rejected = row.nonempty_text("rejected");
  out.split = split_of_row(row, normalized(render(out.prompt)));
  out.source = LabelSource::kAuthored;
  return out;
}

bool is_exchange(const Conversation& turns) {
  return turns.size() >= 2 && turns.back().role == Role::kAssistant && !turns.back().text.empty() &&
         turns[turns.size() - 2].role == Role::kHuman;
}

ComparisonRow from_hh(const JsonRow& row) {
  Conversation chosen = transcript_of_row(row, "chosen");
  Conversation rejected = transcript_of_row(row, "rejected");
  if (!is_exchange(chosen) || !is_exchange(rejected) || chosen == rejected) return skip();
  ComparisonRow out;
  out.chosen = std::move(chosen.back().text);
  out.rejected = std::move(rejected.back().text);
  chosen.pop_back();
  rejected.pop_back();
  if (chosen != rejected) return skip();
  out.id = line_id(*row.file, row.number);
  // By the first turn: conversations that grew from one opening stay together.
  out.split = split_of(normalized(chosen.front().text));
  out.prompt = std::move(chosen);
  out.source = LabelSource::kHuman;
  return out;
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

ComparisonRow from_pandalm(const JsonRow& row) {
  const int better = majority(row);
  const std::string prompt = instruction_prompt(row);
  const std::string first = pandalm_response(row, "response1");
  const std::string second = pandalm_response(row, "response2");
  if (better == 0 || first.empty() || second.empty() || first == second) return skip();
  ComparisonRow out;
  out.id = line_id(*row.file, row.number);
  out.prompt = single_turn(prompt);
  out.chosen = better == 1 ? first : second;
  out.rejected = better == 1 ? second : first;
  out.split = split_of(normalized(prompt));
  out.source = LabelSource::kHuman;
  return out;
}

ComparisonRow from_row(const JsonRow& row) {
  if (row.has("annotator1")) return from_pandalm(row);
  return is_hh_row(row) ? from_hh(row) : from_own(row);
}

}  // namespace

Loaded<ComparisonRow> load_comparisons(const std::filesystem::path& file) {
  Loaded<ComparisonRow> out;
  UniqueIds ids;
  const std::string text = read_text(file);
  for (const JsonRow& row : json_rows(file, text)) {
    ComparisonRow comparison = from_row(row);
    if (comparison.id.empty()) {
      ++out.skipped;
    } else {
      ids.add(file, row.line, comparison.id);
      out.rows.push_back(std::move(comparison));
    }
  }
  if (out.rows.empty()) fail(file, 0, "no row holds a usable comparison");
  return out;
}

}  // namespace charter::feedback
