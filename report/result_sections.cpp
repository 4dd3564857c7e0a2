#include <algorithm>
#include <cmath>
#include <iterator>

#include "report/sections.hpp"
#include "report/svg_chart.hpp"
#include "report/table.hpp"
#include "report/text.hpp"

namespace charter::report {
namespace {

constexpr const char* kNone = "<span class=\"soft\">no data</span>";

// One scale for both Elo columns: lengths can be compared across the whole table.
Estimate elo_scale(const std::vector<EvaluationRow>& rows) {
  Estimate scale;
  for (const EvaluationRow& row : rows) {
    for (const auto& elo : {row.harmlessness, row.helpfulness}) {
      if (!elo) continue;
      scale.low = std::min(scale.low, elo->low);
      scale.high = std::max(scale.high, elo->high);
    }
  }
  return scale;
}

std::string elo_cell(const std::optional<Estimate>& elo, bool anchor, const Estimate& scale) {
  const Verdict result = verdict(elo, anchor);
  if (result == Verdict::kNoData) return kNone;
  if (result == Verdict::kAnchor) return "0 <span class=\"soft\">anchor</span>";
  const char* css = result == Verdict::kImproved ? "good"
                    : result == Verdict::kWorse  ? "bad"
                                                 : "soft";
  return svg_interval(*elo, scale.low, scale.high) + "<br><span class=\"nowrap\">" +
         format_number(elo->value, 0) + " <span class=\"soft\">(" + format_number(elo->low, 0) +
         " to " + format_number(elo->high, 0) + ")</span></span><br><span class=\"" + css + "\">" +
         verdict_text(result) + "</span>";
}

std::string counts(const std::vector<int64_t>& values) {
  std::string out;
  for (const int64_t value : values) out += (out.empty() ? "" : " \u00b7 ") + format_count(value);
  return "<br><span class=\"soft nowrap\">" + out + "</span>";
}

std::string harmful_cell(const std::optional<EvasivenessCells>& c) {
  if (!c) return kNone;
  return svg_shares(
             {{"a", c->harmful_engaged}, {"b", c->harmful_refused}, {"c", c->harmful_complied}}) +
         counts({c->harmful_engaged, c->harmful_refused, c->harmful_complied});
}

std::string safe_cell(const std::optional<EvasivenessCells>& c) {
  if (!c) return kNone;
  return svg_shares({{"a", c->safe_complied}, {"b", c->safe_refused}}) +
         counts({c->safe_complied, c->safe_refused});
}

// Below the ratings: how many comparisons they rest on, and how many there were without one.
std::string pairs_table(const std::vector<EvaluationPair>& pairs) {
  if (pairs.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const EvaluationPair& pair : pairs) {
    rows.push_back(
        {"<b>" + escape_html(pair.left) + "</b> and <b>" + escape_html(pair.right) + "</b>",
         format_count(pair.judged), format_count(pair.identical), format_count(pair.empty),
         format_count(pair.unjudged)});
  }
  return "<h3>Pairs of answers</h3>\n<p>Each pair of snapshots on the same prompts. Only judged "
         "pairs move the ratings: where both gave the same answer, or one gave none, there is "
         "nothing to prefer.</p>\n" +
         html_table({{"Snapshots"},
                     {"Judged", "num"},
                     {"Identical", "num"},
                     {"Empty", "num"},
                     {"Open or given up", "num"}},
                    rows);
}

// What the judge's verdicts are worth: itself measured where the better answer is known.
std::string judge_check(const ReportData& data) {
  std::vector<JudgeRow> checks;
  std::copy_if(data.judges.begin(), data.judges.end(), std::back_inserter(checks),
               [](const JudgeRow& judge) { return judge.checks_evaluation; });
  std::string out = "<h3>How good this judge is</h3>\n";
  if (checks.empty()) {
    return out +
           "<p>It was asked about no labelled pair: how often it is right is not known.</p>\n";
  }
  const bool blind = std::any_of(checks.begin(), checks.end(), [](const JudgeRow& judge) {
    return !judge.accuracy || judge.accuracy->low <= 0.5;
  });
  out +=
      "<p>The same judge, method and principles on pairs whose better answer is known, with 95 "
      "% intervals; a coin has 50 %.";
  if (blind) {
    out +=
        " <b>Where the interval holds 50 %, this judge was not shown to tell the better answer "
        "from the worse one, and neither do the ratings above.</b>";
  }
  return out + "</p>\n" + judges_table(checks);
}

std::string answer_card(const char* heading, const std::string& text) {
  return std::string("<div class=\"answer\"><h4>") + heading + "</h4>" +
         (text.empty() ? "<p class=\"nodata\">no data</p>"
                       : "<div class=\"text\">" + escape_html(text) + "</div>") +
         "</div>";
}

// A chain was made before any snapshot existed: only its first answer stands there.
std::string answers_of(const SampleAnswer& sample) {
  const bool chain = !sample.rounds.empty() && sample.sl_answer.empty() && sample.rl_answer.empty();
  if (chain) return answer_card("First answer", sample.first_answer);
  return answer_card("Before", sample.first_answer) +
         answer_card("After SL-CAI", sample.sl_answer) +
         answer_card("After RL-CAI", sample.rl_answer);
}

std::string rounds_of(const SampleAnswer& sample, bool open) {
  if (sample.rounds.empty()) return {};
  const std::size_t n = sample.rounds.size();
  std::string out = std::string("<details") + (open ? " open" : "") + "><summary>" +
                    std::to_string(n) + (n == 1 ? " round" : " rounds") +
                    " of critique and revision</summary><div class=\"rounds\">";
  for (const RevisionRound& round : sample.rounds) {
    out += "<div class=\"round\"><div><h4>Critique, principle <code>" +
           escape_html(round.principle) + "</code></h4><div class=\"text\">" +
           escape_html(round.critique) + "</div></div><div><h4>Revision</h4><div class=\"text\">" +
           escape_html(round.revision) + "</div></div></div>";
  }
  return out + "</div></details>";
}

}  // namespace

std::string percent_with_interval(const std::optional<Estimate>& ratio) {
  if (!ratio || std::isnan(ratio->value)) return "<span class=\"soft\">\u2013</span>";
  return format_number(100 * ratio->value, 1) + " % <span class=\"soft\">(" +
         format_number(100 * ratio->low, 0) + " to " + format_number(100 * ratio->high, 0) +
         ")</span>";
}

std::string evaluation_section(const ReportData& data) {
  std::string out = "<h2>Did it get better?</h2>\n";
  if (!data.evaluation.empty()) {
    out += "<p class=\"lead\">Elo differences to the anchor with 95 % intervals, judged by " +
           (data.evaluation_judge.empty() ? std::string("an unnamed judge")
                                          : escape_html(data.evaluation_judge)) +
           ". A snapshot counts as better or worse than the anchor only where its interval "
           "excludes 0.</p>";
  }
  const Estimate scale = elo_scale(data.evaluation);
  std::vector<std::vector<std::string>> rows;
  for (const EvaluationRow& row : data.evaluation) {
    rows.push_back({"<b>" + escape_html(row.snapshot) + "</b>",
                    elo_cell(row.harmlessness, row.anchor, scale),
                    elo_cell(row.helpfulness, row.anchor, scale), harmful_cell(row.evasiveness),
                    safe_cell(row.evasiveness), format_count(row.n)});
  }
  out += html_table({{"Snapshot"},
                     {"Harmlessness"},
                     {"Helpfulness"},
                     {"On harmful prompts"},
                     {"On safe prompts"},
                     {"Comparisons", "num"}},
                    rows);
  if (!data.evaluation.empty()) {
    out +=
        "<p class=\"key\"><i class=\"a\"></i>engages and explains, or answers the safe prompt"
        "<i class=\"b\"></i>bare refusal<i class=\"c\"></i>does not refuse: complies, or is beside "
        "the point. Told apart by wording, without a model.</p>\n";
  }
  out += pairs_table(data.evaluation_pairs);
  return data.evaluation.empty() ? out : out + judge_check(data);
}

std::string samples_section(const ReportData& data) {
  std::string out = "<h2>Answers before and after</h2>\n";
  if (data.samples.empty()) return out + "<p class=\"nodata\">no data</p>\n";
  bool first_chain = true;
  for (const SampleAnswer& sample : data.samples) {
    out += "<article class=\"sample\"><p class=\"prompt\">" + escape_html(sample.prompt) +
           "</p><div class=\"answers\">" + answers_of(sample) + "</div>" +
           rounds_of(sample, first_chain) + "</article>\n";
    first_chain = first_chain && sample.rounds.empty();
  }
  return out;
}

std::string charts_section(const ReportData& data) {
  std::string out = "<h2>How the training went</h2>\n";
  if (data.charts.empty()) return out + "<p class=\"nodata\">no data</p>\n";
  out += "<div class=\"charts\">\n";
  for (const Chart& chart : data.charts) out += svg_line_chart(chart);
  return out + "</div>\n";
}

}  // namespace charter::report
