#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "actors/work.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "feedback/elo.hpp"
#include "feedback/evasiveness.hpp"

namespace charter::cli {
namespace {

constexpr double kUnbounded = 800;  // Elo: where an interval without a bound is cut, 99 % of wins

// Snapshots in the order of training, whatever else was compared after them.
struct Players {
  std::vector<std::string> names;

  size_t index(const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at != names.end()) return static_cast<size_t>(at - names.begin());
    names.push_back(name);
    return names.size() - 1;
  }
};

struct Comparisons {
  Players players;
  std::map<std::string, std::vector<feedback::Match>> matches;  // by purpose
  std::set<std::string> judges, principles;
};

struct Answers {
  std::vector<std::string> snapshots;  // that have answers
  std::map<std::string, feedback::EvasivenessCounts> counts;
};

Answers read_answers(const store::Ledger& ledger) {
  Answers out;
  for_each_body<actors::ResponseRecord>(
      ledger, "eval_generate", "eval", [&](const actors::ResponseRecord& r, const auto&) {
        out.counts[r.snapshot].add(
            feedback::classify_evasiveness(r.group == "red_team", r.prompt, r.response));
      });
  for (const auto& [snapshot, counts] : out.counts) out.snapshots.push_back(snapshot);
  return out;
}

double choice(double p_first) { return p_first > 0.5 ? 1 : p_first < 0.5 ? 0 : 0.5; }

Comparisons read_comparisons(const store::Ledger& ledger, const Answers& answers) {
  Comparisons out;
  const std::set<std::string> answered(answers.snapshots.begin(), answers.snapshots.end());
  std::vector<actors::PreferenceRecord> rows;
  std::set<std::string> present = answered;
  for_each_body<actors::PreferenceRecord>(
      ledger, "eval_judge", "judge", [&](actors::PreferenceRecord r, const auto&) {
        if (r.left.empty() || r.right.empty() || r.left == r.right) return;
        present.insert({r.left, r.right});
        out.judges.insert(judge_name(r.method, r.judge_id));
        out.principles.insert(r.principle_id);
        r.prompt.clear(), r.first.clear(), r.second.clear();  // only the verdict is kept
        rows.push_back(std::move(r));
      });
  for (const char* known : {"base", "sl_cai", "rl_cai"}) {
    if (present.contains(known)) (void)out.players.index(known);
  }
  for (const auto& name : present) (void)out.players.index(name);
  for (const auto& r : rows) {
    out.matches[r.purpose].push_back({.i = out.players.index(r.left),
                                      .j = out.players.index(r.right),
                                      .score_i = choice(r.p_first)});
  }
  return out;
}

// Principles of the labels that the PM learned from.
std::set<std::string> label_principles(const store::Ledger& ledger) {
  std::set<std::string> out;
  for (const char* phase : {"label", "rl"}) {
    for_each_body<actors::PreferenceRecord>(
        ledger, phase, "pair",
        [&](const actors::PreferenceRecord& r, const auto&) { out.insert(r.principle_id); });
  }
  return out;
}

std::string joined(const std::set<std::string>& items, const char* separator) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : separator) + item;
  return out;
}

// Says "held out" only if the records bear it out.
std::string describe_judge(const store::Ledger& ledger, const Comparisons& comparisons) {
  if (comparisons.judges.empty()) return {};
  const auto labels = label_principles(ledger);
  std::set<std::string> shared;
  std::set_intersection(labels.begin(), labels.end(), comparisons.principles.begin(),
                        comparisons.principles.end(), std::inserter(shared, shared.end()));
  std::string text = joined(comparisons.judges, " and ") + "; its principles (" +
                     joined(comparisons.principles, ", ") + ") ";
  if (labels.empty()) {
    text += "are those kept from the labeller, which left no labels in this run";
  } else if (shared.empty()) {
    text += "are held out: the labeller used none of them";
  } else {
    text += "are NOT held out: the labeller used " + joined(shared, ", ") + " too";
  }
  return text + "; each comparison is a win of the preferred answer";
}

// P(at least k of n wins) when each is won with probability p.
double at_least(int64_t k, int64_t n, double p) {
  double sum = 0;
  for (int64_t wins = k; wins <= n; ++wins) {
    const auto a = static_cast<double>(wins), b = static_cast<double>(n - wins);
    sum += std::exp(std::lgamma(a + b + 1) - std::lgamma(a + 1) - std::lgamma(b + 1) +
                    a * std::log(p) + b * std::log1p(-p));
  }
  return sum;
}

// Lower end of the exact 95 % interval of a win probability (Clopper and Pearson 1934), as Elo.
double lowest_elo(int64_t wins, int64_t n) {
  double low = -kUnbounded, high = kUnbounded;
  for (int step = 0; step < 40; ++step) {
    const double elo = (low + high) / 2;
    (at_least(wins, n, feedback::elo_win_fraction(elo, 0)) < 0.025 ? low : high) = elo;
  }
  return low;
}

// Resampling a handful of comparisons that all went one way gives them back: the bootstrap then
// sees no doubt. Below kFew direct ones the interval reaches at least as far as the exact one of
// the share of wins; a draw counts against whatever the end is to show.
void widen_if_few(const std::vector<feedback::Match>& matches, size_t player, size_t anchor,
                  report::Estimate& elo) {
  constexpr int64_t kFew = 30;
  int64_t n = 0, won = 0, lost = 0;
  for (const auto& match : matches) {
    const bool first = match.i == player && match.j == anchor;
    if (!first && !(match.i == anchor && match.j == player)) continue;
    const double points = first ? match.score_i : 1 - match.score_i;
    ++n;
    won += static_cast<int64_t>(points > 0.5);
    lost += static_cast<int64_t>(points < 0.5);
  }
  if (n >= kFew) return;
  elo.low = std::min(elo.low, lowest_elo(won, n));
  elo.high = std::max(elo.high, -lowest_elo(lost, n));
}

std::vector<std::optional<report::Estimate>> ratings(const Comparisons& comparisons,
                                                     const std::string& purpose, size_t anchor,
                                                     const config::RunConfig& config,
                                                     std::vector<int64_t>& games) {
  std::vector<std::optional<report::Estimate>> out(comparisons.players.names.size());
  const auto at = comparisons.matches.find(purpose);
  if (at == comparisons.matches.end()) return out;
  const auto elo = feedback::elo_ratings(out.size(), at->second,
                                         {.anchor = anchor,
                                          .bootstrap = config.eval.bootstrap,
                                          .seed = static_cast<uint64_t>(config.run.seed)});
  for (size_t i = 0; i < elo.size(); ++i) {
    games[i] += elo[i].games;
    if (elo[i].games == 0 || !elo[i].connected) continue;
    out[i] = {.value = elo[i].elo, .low = elo[i].low, .high = elo[i].high};
    if (i != anchor) widen_if_few(at->second, i, anchor, *out[i]);
  }
  return out;
}

report::EvasivenessCells cells(const feedback::EvasivenessCounts& c) {
  return {.safe_complied = c.safe_complied,
          .safe_refused = c.safe_refused,
          .harmful_engaged = c.harmful_engaged,
          .harmful_refused = c.harmful_evasive,
          .harmful_complied = c.harmful_complied};
}

}  // namespace

Evaluation build_evaluation(const store::Ledger& ledger, const config::RunConfig& config) {
  const auto answers = read_answers(ledger);
  const auto comparisons = read_comparisons(ledger, answers);
  const auto& names = comparisons.players.names;
  Evaluation out{.judge = describe_judge(ledger, comparisons)};
  if (names.empty()) return out;
  const auto sl = std::find(names.begin(), names.end(), "sl_cai");
  const size_t anchor = sl == names.end() ? 0 : static_cast<size_t>(sl - names.begin());
  std::vector<int64_t> games(names.size());
  const auto harmless = ratings(comparisons, "harmlessness", anchor, config, games);
  const auto helpful = ratings(comparisons, "helpfulness", anchor, config, games);
  for (size_t i = 0; i < names.size(); ++i) {
    report::EvaluationRow row{.snapshot = names[i], .anchor = i == anchor};
    row.harmlessness = harmless[i];
    row.helpfulness = helpful[i];
    if (const auto at = answers.counts.find(names[i]); at != answers.counts.end()) {
      row.evasiveness = cells(at->second);
    }
    row.n = games[i];
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace charter::cli
