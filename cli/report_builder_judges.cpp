#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "actors/work.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "feedback/calibration.hpp"
#include "feedback/preference.hpp"

namespace charter::cli {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

report::Estimate estimate(const feedback::Interval& interval) {
  return {.value = interval.value, .low = interval.low, .high = interval.high};
}

// What one judge said, and what it should have said where that is known.
struct Verdicts {
  int64_t n = 0, flips = 0, flips_measured = 0;
  double entropy = 0;
  std::vector<double> p_first;
  std::vector<bool> first_better;

  void add(const actors::PreferenceRecord& r) {
    ++n;
    entropy += r.entropy;
    if (r.flip >= 0) {
      ++flips_measured;
      flips += r.flip;
    }
    if (!r.purpose.starts_with("check") || r.target == 0.5) return;
    p_first.push_back(r.p_first);
    first_better.push_back(r.target > 0.5);
  }

  [[nodiscard]] report::JudgeRow row(const std::string& method, const std::string& use) const {
    report::JudgeRow out{.method = method, .use = use, .n = n};
    out.flip_rate = flips_measured == 0
                        ? kNone
                        : static_cast<double>(flips) / static_cast<double>(flips_measured);
    out.label_entropy = entropy / static_cast<double>(n);
    if (!p_first.empty())
      out.accuracy = estimate(feedback::calibrate(p_first, first_better).accuracy);
    return out;
  }
};

// Of a labelled pair that the evaluation's judge was asked about: what for. "" of any other.
std::string evaluation_check(const std::string& purpose) {
  const std::string prefix = "check_";
  if (!purpose.starts_with(prefix)) return {};
  return "evaluation: check on labelled " + purpose.substr(prefix.size()) + " pairs";
}

// Predictions of the PM on comparisons of one purpose and source of labels.
struct Scores {
  std::vector<double> p_first;
  std::vector<bool> first_better;
  int64_t n = 0;
  double loss = 0;  // summed, nats, against the label as it is: soft where a judge gave it
};

// -p log s(d) - (1 - p) log s(-d) of a score difference d, without overflow.
double soft_loss(double difference, double p) {
  const double softplus = std::log1p(std::exp(-std::abs(difference))) + std::max(-difference, 0.0);
  return softplus + (1 - p) * difference;
}

}  // namespace

std::vector<report::JudgeRow> build_judges(const store::Ledger& ledger) {
  struct Source {
    const char *phase, *kind, *use;
  };
  constexpr Source kSources[] = {{"judge_check", "judge", "check on labelled pairs"},
                                 {"label", "pair", "labels"},
                                 {"rl", "pair", "labels of the online PM"},
                                 {"eval_judge", "judge", "evaluation"}};
  std::vector<report::JudgeRow> rows;
  for (const auto& [phase, kind, use] : kSources) {
    std::map<std::array<std::string, 3>, Verdicts> by_judge;  // evaluation's check, method, judge
    for_each_body<actors::PreferenceRecord>(
        ledger, phase, kind, [&](const actors::PreferenceRecord& r, const auto&) {
          by_judge[{evaluation_check(r.purpose), r.method, r.judge_id}].add(r);
        });
    for (const auto& [judge, verdicts] : by_judge) {
      const auto& [check, method, id] = judge;
      auto row = verdicts.row(judge_name(method, id), check.empty() ? use : check);
      row.checks_evaluation = !check.empty();
      if (verdicts.flips_measured > 0)
        row.flip_kind = method == feedback::kLikelihoodContrast ? "length normalization" : "order";
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::vector<report::PmRow> build_preference_models(const store::Ledger& ledger) {
  std::map<std::pair<std::string, std::string>, Scores> groups;
  for_each_body<actors::ScoreRecord>(
      ledger, "pm_score", "score", [&](const actors::ScoreRecord& r, const store::RecordRow& row) {
        const auto work =
            parse_body<actors::ComparisonWork>(row.item.payload, "pm_score", row.record.work_id);
        auto& group = groups[{r.purpose, work.source}];
        const double difference = r.first - r.second;
        ++group.n;
        group.loss += soft_loss(difference, r.p_first);
        if (r.p_first == 0.5) return;  // nothing to be right about
        group.p_first.push_back(feedback::sigmoid(difference));
        group.first_better.push_back(r.p_first > 0.5);
      });
  std::vector<report::PmRow> rows;
  for (const auto& [name, scores] : groups) {
    const auto& [purpose, source] = name;
    report::PmRow row{
        .data = purpose + ", held out, labels: " + (source.empty() ? "unnamed" : source),
        .n = scores.n};
    row.loss = scores.loss / static_cast<double>(scores.n);
    if (!scores.p_first.empty()) {
      const auto report = feedback::calibrate(scores.p_first, scores.first_better);
      row.accuracy = estimate(report.accuracy);
      row.ece = report.ece;
      row.brier = report.brier;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace charter::cli
