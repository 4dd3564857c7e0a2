#include "cli/data_check.hpp"

#include <stdexcept>

namespace charter::cli {
namespace {

using Path = std::filesystem::path;

template <class Row>
std::string describe(const feedback::Loaded<Row>& data, const std::string& more = "") {
  const auto counts = actors::count_splits(data.rows);
  const std::string skipped = data.skipped.text();
  return std::to_string(counts.total()) + " rows, " + std::to_string(counts.held_out) +
         " of them held out" + more + (skipped.empty() ? "" : "; " + skipped);
}

// One file after the other into `data`; what each holds becomes a line where the key names a file.
class Reader {
 public:
  Reader(RunData& data, const Path& authored) : data_(data), authored_(authored) {}

  // read: takes the file, gives the line's text.
  template <class Read>
  void file(const char* key, const std::string& configured, const char* own, const Read& read) {
    const auto name = std::string("data.") + key + ": ";
    const auto path = configured.empty() ? authored_ / own : Path(configured);
    try {
      const std::string text = read(path);
      if (!configured.empty()) data_.lines.push_back(name + path.string() + ": " + text);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(name + error.what());
    }
  }
  void prompts(const char* key, const std::string& configured, const char* own,
               std::vector<feedback::PromptRow>& rows, actors::SplitCounts& counts) {
    file(key, configured, own, [&](const Path& path) {
      auto loaded = feedback::load_prompts(path);
      counts = actors::count_splits(loaded.rows);
      auto text = describe(loaded);
      rows = std::move(loaded.rows);
      return text;
    });
  }
  void comparisons(const char* key, const std::string& configured, const char* own,
                   std::vector<feedback::ComparisonRow>& rows, actors::SplitCounts& counts) {
    file(key, configured, own, [&](const Path& path) {
      auto loaded = feedback::load_comparisons(path);
      counts = actors::count_splits(loaded.rows);
      auto text = describe(loaded);
      rows = std::move(loaded.rows);
      return text;
    });
  }

 private:
  RunData& data_;
  const Path& authored_;
};

}  // namespace

RunData read_data(const config::RunConfig& config, const Path& authored) {
  RunData data;
  Reader read(data, authored);
  const auto& d = config.data;
  read.file("constitution", d.constitution, "constitution.toml", [&](const Path& path) {
    data.constitution = std::filesystem::is_directory(path)
                            ? feedback::import_paper_constitution(path)
                            : feedback::load_constitution(path);
    return std::to_string(data.constitution.critiques.size()) + " principles for critiques, " +
           std::to_string(data.constitution.feedback.size()) + " for labels";
  });
  read.file("critique_fewshot", d.critique_fewshot, "prompts/critique_fewshot.jsonl",
            [&](const Path& path) {
              data.critique_examples = feedback::load_critique_examples(path);
              return std::to_string(data.critique_examples.size()) + " examples";
            });
  read.file("feedback_fewshot", d.feedback_fewshot, "prompts/feedback_fewshot.jsonl",
            [](const Path& path) {
              return std::to_string(feedback::load_feedback_examples(path).size()) + " examples";
            });
  read.prompts("red_team", d.red_team, "prompts/red_team.jsonl", data.red_team,
               data.counts.red_team);
  read.prompts("helpful", d.helpful, "prompts/helpful.jsonl", data.helpful, data.counts.helpful);
  read.file("pmp", d.pmp, "preferences/pmp.jsonl", [&](const Path& path) {
    const auto loaded = feedback::load_pmp(path);
    data.counts.pmp = actors::count_splits(loaded.rows);
    data.counts.pmp_pairs =
        actors::count_pmp_pairs(loaded.rows, static_cast<uint64_t>(config.run.seed));
    // Rows without pairs would leave the pre-training out without a word.
    return describe(loaded, data.counts.pmp_pairs > 0
                                ? "; " + std::to_string(data.counts.pmp_pairs) + " pairs"
                                : "; no pairs: no question to train on has two different answers "
                                  "of different score");
  });
  read.comparisons("helpfulness", d.helpfulness, "preferences/helpfulness.jsonl", data.helpfulness,
                   data.counts.helpfulness);
  std::vector<feedback::ComparisonRow> measured_on;
  read.comparisons("harmlessness_eval", d.harmlessness_eval, "preferences/harmlessness_eval.jsonl",
                   measured_on, data.counts.harmlessness_eval);
  return data;
}

}  // namespace charter::cli
