#include "report/html_report.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "report/report_json.hpp"
#include "report/table.hpp"

namespace charter::report {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int occurrences(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Every text is the same attack.
ReportData hostile() {
  const std::string x = "<script>alert('x')</script>\xFF";
  ReportData d;
  d.run_name = d.model = d.quantization = d.date = d.config_text = d.evaluation_judge = x;
  d.notes = {x};
  d.substitutions = {{x, x, x}};
  d.label_sources = {{x, 1, 2, 3}};
  d.stages = {{x, 1.0, 2.0, x, x}};
  d.charts = {{x, x, x, x, {{x, {{0, 1}}}, {x, {{0, 2}}}}}};
  d.samples = {{x, x, {{x, x, x}}, x, x}};
  d.judges = {{x, x, 1, 0.5, 0.6, Estimate{0.5, 0.4, 0.6}}};
  d.preference_models = {{x, 1, Estimate{0.5, 0.4, 0.6}, 0.6, 0.1, 0.2}};
  d.evaluation = {{x, false, Estimate{1, 2, 3}, Estimate{1, 2, 3}, EvasivenessCells{}, 5}};
  d.evaluation_pairs = {{x, x, 1, 2, 3, 4}};
  return d;
}

TEST(Verdict, NeedsAnIntervalThatExcludesZero) {
  EXPECT_EQ(verdict(Estimate{60, 1, 120}, false), Verdict::kImproved);
  EXPECT_EQ(verdict(Estimate{60, 0, 120}, false), Verdict::kUndecided);
  EXPECT_EQ(verdict(Estimate{60, -1, 120}, false), Verdict::kUndecided);
  EXPECT_EQ(verdict(Estimate{-60, -120, -1}, false), Verdict::kWorse);
  EXPECT_EQ(verdict(Estimate{-60, -120, 0}, false), Verdict::kUndecided);
  EXPECT_EQ(verdict(std::nullopt, false), Verdict::kNoData);
  EXPECT_EQ(verdict(Estimate{0, 0, 0}, true), Verdict::kAnchor);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(verdict(Estimate{60, nan, nan}, false), Verdict::kUndecided);
}

TEST(RenderHtml, SaysBetterOnlyWhereTheVerdictDoes) {
  ReportData d;
  d.evaluation = {{"start", true, {}, {}, {}, 24},
                  {"SL-CAI", false, Estimate{40, -5, 90}, Estimate{-70, -130, -8}, {}, 24}};
  const std::string html = render_html(d);
  EXPECT_FALSE(contains(html, ">better<"));
  EXPECT_TRUE(contains(html, "no difference shown"));
  EXPECT_TRUE(contains(html, "<span class=\"bad\">worse</span>"));
}

TEST(RenderHtml, SaysHowManyPairsOfAnswersHadNothingToPrefer) {
  ReportData d;
  EXPECT_FALSE(contains(render_html(d), "Pairs of answers"));
  d.evaluation_pairs = {
      {.left = "base", .right = "sl_cai", .judged = 17, .identical = 5, .empty = 2}};
  const std::string html = render_html(d);
  const std::string cells = html.substr(html.find("<b>base</b> and <b>sl_cai</b>"), 200);
  for (const char* count : {">17<", ">5<", ">2<", ">0<"})
    EXPECT_TRUE(contains(cells, count)) << count << cells;
}

TEST(RenderHtml, SaysBesideTheRatingsHowGoodTheirJudgeIs) {
  ReportData d;
  d.evaluation = {{"start", true, {}, {}, {}, 24}};
  const auto section = [&d] {
    const std::string html = render_html(d);
    return html.substr(0, html.find("Answers before and after"));
  };
  EXPECT_TRUE(contains(section(), "is not known"));
  d.judges = {{.method = "labeller", .n = 4, .accuracy = Estimate{0.9, 0.8, 0.95}},
              {.method = "evaluator",
               .n = 24,
               .accuracy = Estimate{0.75, 0.55, 0.88},
               .checks_evaluation = true}};
  EXPECT_TRUE(contains(section(), "75.0 % <span class=\"soft\">(55 to 88)"));
  EXPECT_FALSE(contains(section(), "labeller"));
  EXPECT_FALSE(contains(section(), "not shown to tell"));
  d.judges[1].accuracy->low = 0.5;
  EXPECT_TRUE(contains(section(), "not shown to tell"));
}

TEST(RenderHtml, EscapesEveryText) {
  const std::string html = render_html(hostile());
  EXPECT_FALSE(contains(html, "<script"));
  EXPECT_FALSE(contains(html, "alert('x')"));
  EXPECT_FALSE(contains(html, "\xFF"));
  EXPECT_GT(occurrences(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\uFFFD"), 25);
}

TEST(RenderHtml, IsSelfContained) {
  const std::string html = render_html(hostile());
  for (const char* outside : {"src=", "href=", "url(", "@import", "http://", "https://", "<link"}) {
    EXPECT_FALSE(contains(html, outside)) << outside;
  }
}

TEST(RenderHtml, EmptySectionsSayNoData) {
  const std::string html = render_html(ReportData{});
  for (const char* heading :
       {"Did it get better?", "Answers before and after", "How the training went",
        "Preference model", "Which policy made the data", "Configuration"}) {
    const std::size_t at = html.find(heading);
    ASSERT_NE(at, std::string::npos) << heading;
    const std::size_t next = html.find("<h", at);
    EXPECT_TRUE(contains(html.substr(at, next - at), "no data")) << heading;
  }
}

TEST(RenderHtml, ShowsAnAnswerThatWasNotMadeAsNoData) {
  ReportData d;
  d.samples = {{"question", "first", {}, "second", ""}};
  const std::string html = render_html(d);
  EXPECT_TRUE(contains(html, "<h4>After RL-CAI</h4><p class=\"nodata\">no data</p>"));
}

TEST(RenderHtml, ShowsAChainWithoutSnapshotsThatDoNotBelongToIt) {
  ReportData d;
  d.samples = {{"question", "first", {{"p1", "critique", "revision"}}, "", ""}};
  const std::string html = render_html(d);
  EXPECT_TRUE(contains(html, "<h4>First answer</h4>"));
  EXPECT_FALSE(contains(html, "After RL-CAI"));
}

TEST(RenderHtml, SaysWhatAFlipIs) {
  ReportData d;
  d.judges = {
      {.method = "contrast", .n = 4, .flip_rate = 0.25, .flip_kind = "length normalization"},
      {.method = "other", .n = 4, .flip_rate = std::numeric_limits<double>::quiet_NaN()}};
  const std::string html = render_html(d);
  EXPECT_TRUE(contains(html, "25.0 %<br><span class=\"soft nowrap\">length normalization</span>"));
  EXPECT_FALSE(contains(html, ">nan"));
}

TEST(RenderHtml, MarksAStageAFifthOverItsPlan) {
  ReportData d;
  d.stages = {{"rl", 100.0, 121.0, "done", ""}};
  EXPECT_TRUE(contains(render_html(d), "<i class=\"over\""));
  d.stages[0].spent_seconds = 119.0;
  EXPECT_FALSE(contains(render_html(d), "<i class=\"over\""));
}

TEST(RenderHtml, GroupsAThousandVersions) {
  ReportData d;
  for (int64_t v = 0; v < 1000; ++v) d.rollout_versions.push_back({v, 2});
  const std::string html = render_html(d);
  // 1000 / 16 rounds up to 63 a row: 0 to 62 is the first, of 126 trajectories.
  EXPECT_TRUE(contains(html, ">0 to 62<"));
  EXPECT_TRUE(contains(html, ">126<"));
  EXPECT_TRUE(contains(html, ">945 to 999<"));
}

TEST(HtmlTable, RefusesARowOfAnotherLength) {
  EXPECT_THROW((void)html_table({{"a"}, {"b"}}, {{"1"}}), std::invalid_argument);
}

TEST(ToJson, KeepsNumbersAndMakesNanNull) {
  ReportData d = hostile();
  d.charts[0].series[0].points = {{0, 0.5}, {1, std::numeric_limits<double>::quiet_NaN()}};
  d.policy_version = 8;
  const auto json = nlohmann::json::parse(to_json(d).dump());
  EXPECT_EQ(json["run_name"], "<script>alert('x')</script>\uFFFD");
  EXPECT_EQ(json["charts"][0]["series"][0]["points"][0][1], 0.5);
  EXPECT_TRUE(json["charts"][0]["series"][0]["points"][1][1].is_null());
  EXPECT_EQ(json["policy_version"], 8);
  EXPECT_TRUE(json["firewall_auroc"].is_null());
  EXPECT_EQ(json["label_sources"][0]["authored"], 3);
  EXPECT_EQ(json["evaluation"][0]["harmlessness_verdict"], "better");
  EXPECT_EQ(json["evaluation_pairs"][0]["identical"], 2);
}

TEST(ToJson, OfAnEmptyReportHasEmptyLists) {
  const auto json = to_json(ReportData{});
  EXPECT_TRUE(json["stages"].is_array() && json["stages"].empty());
  EXPECT_TRUE(json["pm_version"].is_null());
}

}  // namespace
}  // namespace charter::report
