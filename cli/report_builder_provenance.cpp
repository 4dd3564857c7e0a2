#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "actors/work.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "config/value_text.hpp"

namespace charter::cli {
namespace {

using config::RunConfig;
using config::value_text;

std::string model_or_base(const RunConfig& c, const std::string& model) {
  const auto name = model_name(model.empty() ? c.models.base : model);
  return name.empty() ? "the default model" : name;
}

std::string data_name(const std::string& configured) {
  if (configured.empty()) return "authored for this project";
  // With its folder: "Posts.xml" alone does not say whose posts.
  const auto folder = model_name(std::filesystem::path(configured).parent_path().string());
  return folder.empty() ? model_name(configured) : folder + "/" + model_name(configured);
}

std::string counted(int64_t n, const std::string& noun) {
  return value_text(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string spaced(std::string identifier) {
  for (char& c : identifier) c = c == '_' ? ' ' : c;
  return identifier;
}

void add_models(const RunConfig& c, std::vector<report::Substitution>& out) {
  out.push_back({"pre-trained model", "language model of 52B parameters (others from 810M)",
                 model_or_base(c, c.models.base)});
  out.push_back({"helpful model: answers, critiques, revisions", "helpful-only RLHF model, 52B",
                 model_or_base(c, c.models.helpful)});
  out.push_back({"feedback model: labels", "pre-trained language model, 52B",
                 model_or_base(c, c.models.judge)});
  out.push_back({"start of the preference model", "pre-trained language model",
                 model_or_base(c, c.models.pm_init)});
  out.push_back(
      {"trained weights", "all of them",
       c.lora.enabled ? "LoRA adapters of rank " + value_text(c.lora.rank) : "all of them"});
}

void add_sl(const RunConfig& c, std::vector<report::Substitution>& out) {
  const auto& g = c.sl_generate;
  out.push_back({"red-team prompts", "182,831: 42,496 human-written, 140,335 model-generated",
                 value_text(g.red_team_prompts) + ", " + data_name(c.data.red_team)});
  out.push_back({"helpful prompts", "135,296 human-written, 2 samples each",
                 value_text(g.helpful_prompts) + ", " + data_name(c.data.helpful) + ", " +
                     counted(g.helpful_samples, "sample") + " each"});
  out.push_back({"critique and revision rounds", "4", value_text(g.rounds)});
  out.push_back({"constitution", "16 principles for critiques, 16 for labels",
                 data_name(c.data.constitution)});
  out.push_back({"sampling temperature", "1", value_text(c.rollout.temperature)});
  out.push_back({"supervised training", "1 epoch, batch 1,024, all revisions",
                 counted(c.sl_train.epochs, "epoch") + ", batch " + value_text(c.sl_train.batch) +
                     ", " + c.sl_train.revisions + " revisions"});
}

void add_pm(const RunConfig& c, std::vector<report::Substitution>& out) {
  out.push_back(
      {"label method", "multiple choice, soft labels", spaced(c.label.method) + ", soft labels"});
  out.push_back({"PM pre-training", "scored posts of Stack Exchange, Reddit and Wikipedia",
                 value_text(c.pm_train.pmp_pairs) + " pairs, " + data_name(c.data.pmp)});
  out.push_back({"harmlessness comparisons", "182,831 with AI labels",
                 "at most " + value_text(c.pm_train.harmlessness_pairs) + " with AI labels"});
  out.push_back({"helpfulness comparisons", "135,296 with human labels",
                 "at most " + value_text(c.pm_train.helpfulness_pairs) + ", " +
                     data_name(c.data.helpfulness)});
}

void add_rl(const RunConfig& c, std::vector<report::Substitution>& out) {
  const auto& r = c.rl;
  out.push_back({"RL prompts", "491,142 more red-team and 474,300 more helpful ones",
                 "at most " + value_text(int64_t{r.updates} * r.batch) +
                     " trajectories, red-team share " + value_text(r.red_team_fraction)});
  out.push_back({"preference model during RL", "frozen",
                 r.online_pm ? "online: learns from pairs of the policy" : "frozen"});
  out.push_back({"KL coefficient", "0.001 (Bai et al., April 2022)", value_text(r.kl_coef)});
  out.push_back({"PPO batch", "not stated",
                 value_text(r.batch) + " trajectories, " +
                     (r.epochs == 1 ? "1 pass" : value_text(r.epochs) + " passes")});
  out.push_back({"staleness", "not stated",
                 "at most " + value_text(r.max_staleness) + " versions (0: synchronous)"});
  out.push_back({"longest RL response", "128 tokens (Bai et al., April 2022)",
                 value_text(r.max_new_tokens) + " tokens"});
}

// Counts by who labelled; `unnamed` catches work that says nothing.
void count(report::LabelSource& row, const std::string& source, int64_t& unnamed) {
  if (source == "human")
    ++row.human;
  else if (source == "ai")
    ++row.ai;
  else if (source == "authored")
    ++row.authored;
  else
    ++unnamed;
}

const char* data_of(const store::WorkItem& item, const std::string& purpose) {
  if (item.stage == "pmp") return "PM pre-training pairs";
  if (item.stage == "pm_train") return "PM comparisons";
  if (item.stage == "pm_score") return "PM comparisons, held out";
  if (item.stage == "judge_check" && purpose == "check_helpfulness")
    return "helpfulness pairs the evaluation's judge is checked on";
  if (item.stage == "judge_check") return "pairs the judges are checked on";
  return nullptr;
}

}  // namespace

std::vector<report::Substitution> build_substitutions(const RunConfig& config) {
  std::vector<report::Substitution> out;
  add_models(config, out);
  add_sl(config, out);
  add_pm(config, out);
  add_rl(config, out);
  out.push_back(
      {"evaluation", "crowdworkers: 10,274 helpfulness and 8,135 harmlessness comparisons",
       "an AI judge on " + value_text(config.eval.prompts) + " held-out prompts a snapshot"});
  return out;
}

std::vector<report::LabelSource> build_label_sources(const store::Ledger& ledger,
                                                     std::vector<std::string>& notes) {
  std::map<std::string, report::LabelSource> rows;
  std::set<std::pair<std::string, std::string>> checked;
  int64_t unnamed = 0;
  for_each_work(ledger, [&](const store::WorkRow& work) {
    if (data_of(work.item, "") == nullptr || work.state == store::WorkState::kQuarantined) return;
    const auto comparison =
        parse_body<actors::ComparisonWork>(work.item.payload, work.item.stage, work.id);
    const char* data = data_of(work.item, comparison.purpose);
    // Each judge is asked about the same pairs.
    if (work.item.stage == "judge_check" &&
        !checked.insert({data, comparison.comparison_id}).second)
      return;
    auto& row = rows[data];
    row.data = data;
    count(row, comparison.source, unnamed);
  });
  for (const auto& [phase, data] : {std::pair{"label", "pairs of the SL-CAI policy"},
                                    std::pair{"rl", "online pairs of the RL policy"}}) {
    report::LabelSource row{.data = data};
    for_each_body<actors::PreferenceRecord>(
        ledger, phase, "pair", [&](const actors::PreferenceRecord&, const auto&) { ++row.ai; });
    if (row.ai > 0) rows[data] = row;
  }
  if (unnamed > 0) {
    notes.push_back(std::to_string(unnamed) + " comparisons do not say who labelled them.");
  }
  std::vector<report::LabelSource> out;
  for (auto& [data, row] : rows) out.push_back(std::move(row));
  return out;
}

std::string quantization_of(const std::string& model) {
  const auto name = model_name(model);
  if (!name.ends_with(".gguf")) return "none";
  static const std::regex kType("(^|[.-])((Q[0-9]_[0-9K](_[SML])?)|F16|F32|BF16)[.-]",
                                std::regex::icase);
  std::smatch found;
  return std::regex_search(name, found, kType) ? found[2].str() : "as in the GGUF file";
}

}  // namespace charter::cli
