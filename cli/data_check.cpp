#include "cli/data_check.hpp"

#include <algorithm>
#include <stdexcept>

#include "feedback/constitution.hpp"
#include "feedback/datasets.hpp"
#include "feedback/fewshot.hpp"

namespace charter::cli {
namespace {

using Path = std::filesystem::path;

template <class Row>
std::string describe(const feedback::Loaded<Row>& data, const char* why_skipped) {
  const auto held_out = std::count_if(data.rows.begin(), data.rows.end(), [](const Row& row) {
    return row.split == feedback::Split::kHeldOut;
  });
  std::string text =
      std::to_string(data.rows.size()) + " rows, " + std::to_string(held_out) + " of them held out";
  if (data.skipped > 0)
    text += "; " + std::to_string(data.skipped) + " skipped (" + why_skipped + ")";
  return text;
}

std::string describe_prompts(const Path& file) {
  return describe(feedback::load_prompts(file), "repeated or without a human turn");
}

std::string describe_comparisons(const Path& file) {
  return describe(feedback::load_comparisons(file), "a tie, an empty answer or no common prompt");
}

std::string describe_pmp(const Path& file) {
  return describe(feedback::load_pmp(file), "without an answer");
}

std::string describe_constitution(const Path& file) {
  const auto constitution = std::filesystem::is_directory(file)
                                ? feedback::import_paper_constitution(file)
                                : feedback::load_constitution(file);
  return std::to_string(constitution.critiques.size()) + " principles for critiques, " +
         std::to_string(constitution.feedback.size()) + " for labels";
}

std::string describe_critique_examples(const Path& file) {
  return std::to_string(feedback::load_critique_examples(file).size()) + " examples";
}

std::string describe_feedback_examples(const Path& file) {
  return std::to_string(feedback::load_feedback_examples(file).size()) + " examples";
}

}  // namespace

std::vector<std::string> check_data(const config::RunConfig& config, const Path& authored) {
  struct Source {
    const char* key;
    const std::string& file;
    const char* own;
    std::string (*describe)(const Path&);
  };
  const auto& d = config.data;
  const Source sources[] = {
      {"constitution", d.constitution, "constitution.toml", describe_constitution},
      {"critique_fewshot", d.critique_fewshot, "prompts/critique_fewshot.jsonl",
       describe_critique_examples},
      {"feedback_fewshot", d.feedback_fewshot, "prompts/feedback_fewshot.jsonl",
       describe_feedback_examples},
      {"red_team", d.red_team, "prompts/red_team.jsonl", describe_prompts},
      {"helpful", d.helpful, "prompts/helpful.jsonl", describe_prompts},
      {"pmp", d.pmp, "preferences/pmp.jsonl", describe_pmp},
      {"helpfulness", d.helpfulness, "preferences/helpfulness.jsonl", describe_comparisons},
      {"harmlessness_eval", d.harmlessness_eval, "preferences/harmlessness_eval.jsonl",
       describe_comparisons}};
  std::vector<std::string> lines;
  for (const auto& source : sources) {
    const auto key = std::string("data.") + source.key + ": ";
    const auto file = source.file.empty() ? authored / source.own : Path(source.file);
    try {
      const auto text = source.describe(file);
      if (!source.file.empty()) lines.push_back(key + file.string() + ": " + text);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(key + error.what());
    }
  }
  return lines;
}

}  // namespace charter::cli
