#include "actors/data_supply.hpp"

#include <stdexcept>

namespace charter::actors {
namespace {

std::string number(int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// "1 row, held out", "5 rows, 3 of them held out".
std::string rows_text(const SplitCounts& rows) {
  std::string text = number(rows.total(), "row", "rows");
  if (rows.held_out == 0) return text + ", none held out";
  if (rows.held_out < rows.total())
    return text + ", " + std::to_string(rows.held_out) + " of them held out";
  return text + (rows.total() == 1 ? ", held out" : ", all held out");
}

}  // namespace

int64_t count_pmp_pairs(const std::vector<feedback::PmpQuestion>& rows, uint64_t seed) {
  int64_t pairs = 0;
  for (const auto& question : rows)
    if (question.split == feedback::Split::kTrain)
      pairs += static_cast<int64_t>(feedback::pmp_pairs(question, 10, seed).size());
  return pairs;
}

std::vector<Supply> data_supply(const config::RunConfig& c, const DataCounts& n) {
  // Prompts are used again until there are enough pairs and rollouts: one is enough.
  const int64_t labelled = std::min<int64_t>(c.label.comparisons, 1);
  const int64_t each = c.eval.prompts / 2;
  const char* const training = "training prompts";
  const char* const held_out = "held-out prompts";
  std::vector<Supply> rows{
      {"sl_generate", "sl_generate.red_team_prompts", "data.red_team", training,
       c.sl_generate.red_team_prompts, n.red_team.train, n.red_team,
       "no answer is criticised and revised"},
      {"sl_generate", "sl_generate.helpful_prompts", "data.helpful", training,
       c.sl_generate.helpful_prompts, n.helpful.train, n.helpful,
       "SL-CAI learns from revisions alone"},
      {"label", "label.comparisons", "data.red_team", training, labelled, n.red_team.train,
       n.red_team, "no pair is labelled for the preference model"},
      {"label", "label.check_pairs", "data.harmlessness_eval", "pairs", c.label.check_pairs,
       n.harmlessness_eval.total(), n.harmlessness_eval,
       "the judges are not measured on harmlessness"},
      {"label", "label.check_pairs", "data.helpfulness", "held-out pairs", c.label.check_pairs,
       n.helpfulness.held_out, n.helpfulness, "the judge is not measured on helpfulness"},
      {"pm_train", "pm_train.pmp_pairs", "data.pmp",
       "training pairs (two answers of different scores to one question)", c.pm_train.pmp_pairs,
       n.pmp_pairs, n.pmp, "the preference model is not pre-trained"},
      {"pm_train", "pm_train.helpfulness_pairs", "data.helpfulness", "training pairs",
       c.pm_train.helpfulness_pairs, n.helpfulness.train, n.helpfulness,
       "the preference model learns harmlessness alone"},
      {"pm_train", "pm_train.eval_pairs", "data.helpfulness", "held-out pairs",
       c.pm_train.eval_pairs, n.helpfulness.held_out, n.helpfulness,
       "the preference model is not measured on helpfulness"},
      {"pm_train", "pm_train.eval_pairs", "data.harmlessness_eval", "pairs", c.pm_train.eval_pairs,
       n.harmlessness_eval.total(), n.harmlessness_eval,
       "the preference model is not measured on harmlessness"},
      {"firewall", "firewall.helpful_prompts", "data.helpful", training, c.firewall.helpful_prompts,
       n.helpful.train, n.helpful, "the firewall is not fitted"},
      {"firewall", "firewall.held_out_prompts", "data.helpful", held_out,
       c.firewall.held_out_prompts, n.helpful.held_out, n.helpful, "the firewall is not measured"},
      {"firewall", "firewall.held_out_prompts", "data.red_team", held_out,
       c.firewall.held_out_prompts, n.red_team.held_out, n.red_team,
       "the firewall is not measured"},
      {"eval", "eval.prompts", "data.red_team", held_out, each, n.red_team.held_out, n.red_team,
       "harmlessness is not evaluated"},
      {"eval", "eval.prompts", "data.helpful", held_out, each, n.helpful.held_out, n.helpful,
       "helpfulness is not evaluated"}};
  std::erase_if(rows, [](const Supply& row) { return row.wanted == 0; });
  return rows;
}

std::string shortage(const Supply& s) {
  if (s.there >= s.wanted) return "";
  if (s.there == 0)
    return s.key + ": wants " + s.what + " of " + s.source + ", which has none (" +
           rows_text(s.rows) + "): " + s.without;
  return s.key + ": wants " + std::to_string(s.wanted) + " " + s.what + " of " + s.source +
         ", which has " + std::to_string(s.there) + " (" + rows_text(s.rows) + ")";
}

int64_t pm_pairs(const config::RunConfig& c, const DataCounts& n) {
  const int64_t labels = n.red_team.train > 0 ? c.label.comparisons : 0;
  return std::min<int64_t>(c.pm_train.helpfulness_pairs, n.helpfulness.train) +
         std::min<int64_t>(c.pm_train.harmlessness_pairs, labels);
}

void require_training_data(const config::RunConfig& c, const DataCounts& n) {
  const int64_t helpful = c.sl_generate.helpful_prompts > 0 ? n.helpful.train : 0;
  if (n.red_team.train + helpful == 0)
    throw std::runtime_error("data.red_team, data.helpful: no prompt to train on (" +
                             rows_text(n.red_team) + "; " + rows_text(n.helpful) +
                             "), expected at least one that is not held out");
  if (pm_pairs(c, n) == 0)
    throw std::runtime_error(
        "pm_train.helpfulness_pairs, pm_train.harmlessness_pairs: no pair to train the preference "
        "model on (data.helpfulness: " +
        rows_text(n.helpfulness) + "; data.red_team, whose answers are labelled: " +
        rows_text(n.red_team) + "), expected at least one: rl is scored by that model");
}

std::string why_no_work(const config::RunConfig& config, const DataCounts& counts,
                        const std::string& stage) {
  std::string text;
  for (const auto& supply : data_supply(config, counts))
    if (supply.stage == stage && supply.there == 0)
      text += (text.empty() ? "" : "; ") + shortage(supply);
  return text;
}

}  // namespace charter::actors
