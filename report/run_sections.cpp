#include <algorithm>
#include <cmath>
#include <cstdio>

#include "report/sections.hpp"
#include "report/table.hpp"
#include "report/text.hpp"

namespace charter::report {
namespace {

std::string number_or_dash(const std::optional<double>& value, int decimals) {
  return value ? format_number(*value, decimals) : "\u2013";
}

std::string duration_or_dash(const std::optional<double>& seconds) {
  return seconds ? format_duration(*seconds) : "\u2013";
}

double ratio(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

std::string bar(double share, const char* css) {
  char width[32];
  std::snprintf(width, sizeof(width), "%.1f", 100 * share);
  return std::string("<span class=\"bar\"><i class=\"") + css + "\" style=\"width:" + width +
         "%\"></i></span>";
}

// Spent time; the full width is the longest stage. Another colour if a fifth over the plan.
std::string time_bar(const StageRow& stage, double longest) {
  if (!stage.spent_seconds || longest <= 0) return "";
  const bool over = stage.planned_seconds && *stage.spent_seconds > 1.2 * *stage.planned_seconds;
  return bar(*stage.spent_seconds / longest, over ? "over" : "");
}

struct VersionGroup {
  int64_t first = 0;
  int64_t last = 0;
  int64_t trajectories = 0;
};

// At most kMaxRows rows, so that a run of a thousand versions fits on a page.
std::vector<VersionGroup> grouped(const std::vector<VersionCount>& counts) {
  constexpr std::size_t kMaxRows = 16;
  const std::size_t per_row = (counts.size() + kMaxRows - 1) / kMaxRows;
  std::vector<VersionGroup> groups;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const VersionCount& count = counts[i];
    if (i % per_row == 0) groups.push_back({count.policy_version, count.policy_version, 0});
    groups.back().last = count.policy_version;
    groups.back().trajectories += count.trajectories;
  }
  return groups;
}

std::string flips_cell(const JudgeRow& judge) {
  if (std::isnan(judge.flip_rate)) return "<span class=\"soft\">\u2013</span>";
  std::string out = format_number(100 * judge.flip_rate, 1) + " %";
  if (!judge.flip_kind.empty())
    out += "<br><span class=\"soft nowrap\">" + escape_html(judge.flip_kind) + "</span>";
  return out;
}

std::string state_cell(const StageRow& stage) {
  const char* css = stage.state == "done" ? "" : stage.state == "failed" ? "bad" : "soft";
  std::string out = "<span class=\"" + std::string(css) + "\">" + escape_html(stage.state);
  if (!stage.reason.empty()) out += ": " + escape_html(stage.reason);
  return out + "</span>";
}

}  // namespace

std::string judges_table(const std::vector<JudgeRow>& judges) {
  std::vector<std::vector<std::string>> rows;
  for (const JudgeRow& judge : judges) {
    rows.push_back({"<b>" + escape_html(judge.method) + "</b>", escape_html(judge.use),
                    format_count(judge.n), flips_cell(judge), format_number(judge.label_entropy, 3),
                    percent_with_interval(judge.accuracy)});
  }
  return html_table({{"Judge"},
                     {"Used for"},
                     {"Pairs", "num"},
                     {"Flips", "num"},
                     {"Label entropy, nats/pair", "num"},
                     {"Accuracy", "num"}},
                    rows);
}

std::string judges_section(const ReportData& data) {
  std::string out =
      "<h2>The judges</h2>\n<p class=\"lead\">Accuracy is measured against labelled "
      "pairs, with a 95 % interval; a coin has 50 %. A flip is a verdict that changes with "
      "what should not matter: the order of the two answers, or, for a likelihood contrast, which "
      "scores each answer alone and has no order, whether scores are divided by the answers' "
      "lengths. A judge that knows nothing has a label entropy of 0.69 nats.</p>\n";
  out += judges_table(data.judges);
  out += "<h3>Preference model</h3>\n";
  std::vector<std::vector<std::string>> models;
  for (const PmRow& pm : data.preference_models) {
    models.push_back({"<b>" + escape_html(pm.data) + "</b>", format_count(pm.n),
                      percent_with_interval(pm.accuracy), number_or_dash(pm.loss, 3),
                      number_or_dash(pm.ece, 3), number_or_dash(pm.brier, 3)});
  }
  out += html_table({{"Data"},
                     {"Pairs", "num"},
                     {"Accuracy", "num"},
                     {"Loss, nats/pair", "num"},
                     {"Calibration error", "num"},
                     {"Brier", "num"}},
                    models);
  out += "<p>Firewall: area under the ROC curve ";
  out += data.firewall_auroc
             ? "<b>" + format_number(*data.firewall_auroc, 3) + "</b> (0.5 is a coin)"
             : std::string("<span class=\"nodata\">no data</span>");
  return out + ".</p>\n";
}

std::string stages_section(const ReportData& data) {
  double longest = 0;
  for (const StageRow& stage : data.stages)
    longest = std::max(longest, stage.spent_seconds.value_or(0));
  std::vector<std::vector<std::string>> rows;
  for (const StageRow& stage : data.stages) {
    rows.push_back({"<code>" + escape_html(stage.name) + "</code>", state_cell(stage),
                    duration_or_dash(stage.planned_seconds), duration_or_dash(stage.spent_seconds),
                    time_bar(stage, longest)});
  }
  return "<h2>Stages</h2>\n<p class=\"lead\">Another colour marks a stage that took a fifth longer "
         "than "
         "planned.</p>\n" +
         html_table({{"Stage", "tight"}, {"State"}, {"Planned", "num"}, {"Spent", "num"}, {""}},
                    rows);
}

std::string versions_section(const ReportData& data) {
  std::string out =
      "<h2>Which policy made the data</h2>\n<p class=\"lead\">Rollouts go on while the "
      "learner trains, so a batch can hold trajectories of several policy versions."
      "</p>\n";
  const std::vector<VersionGroup> groups = grouped(data.rollout_versions);
  int64_t most = 0;
  for (const VersionGroup& group : groups) most = std::max(most, group.trajectories);
  std::vector<std::vector<std::string>> rows;
  for (const VersionGroup& group : groups) {
    std::string versions = format_count(group.first);
    if (group.last != group.first) versions += " to " + format_count(group.last);
    const double share = most > 0 ? ratio(group.trajectories, most) : 0;
    rows.push_back({versions, format_count(group.trajectories), bar(share, "")});
  }
  return out + html_table({{"Policy version", "tight"}, {"Trajectories", "num tight"}, {""}}, rows);
}

std::string provenance_section(const ReportData& data) {
  std::string out =
      "<h2>What stands in for what</h2>\n<p class=\"lead\">The procedure is that of "
      "Bai et al. 2022, Constitutional AI (arXiv:2212.08073); these parts of it are "
      "replaced.</p>\n";
  std::vector<std::vector<std::string>> parts;
  for (const Substitution& s : data.substitutions) {
    parts.push_back(
        {"<b>" + escape_html(s.part) + "</b>", escape_html(s.paper), escape_html(s.here)});
  }
  out += html_table({{"Part"}, {"The paper"}, {"This run"}}, parts);
  out +=
      "<h3>Who labelled what</h3>\n<p class=\"lead\">Authored data was written for this project; "
      "it "
      "is not human preference data.</p>\n";
  std::vector<std::vector<std::string>> sources;
  for (const LabelSource& s : data.label_sources) {
    sources.push_back({"<b>" + escape_html(s.data) + "</b>", format_count(s.human),
                       format_count(s.ai), format_count(s.authored)});
  }
  return out +
         html_table({{"Data"}, {"Human", "num"}, {"AI", "num"}, {"Authored", "num"}}, sources);
}

std::string config_section(const ReportData& data) {
  if (data.config_text.empty()) {
    return "<h2>Configuration</h2>\n<p class=\"nodata\">no data</p>\n";
  }
  return "<h2>Configuration</h2>\n<details><summary>config.toml as resolved</summary><pre>" +
         escape_html(data.config_text) + "</pre></details>\n";
}

}  // namespace charter::report
