// A ledger filled by hand, and the report of it with numbers worked by hand.
#include "cli/report_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "cli/limit_history.hpp"
#include "cli/report_builder_run.hpp"
#include "metrics/quantities.hpp"
#include "report/html_report.hpp"
#include "report/report_json.hpp"
#include "tests/cli/report_builder_fixture.hpp"

namespace charter::cli {
namespace {

const report::Chart* chart(const report::ReportData& data, const std::string& title) {
  for (const auto& c : data.charts) {
    if (c.title == title) return &c;
  }
  return nullptr;
}

bool has_note(const report::ReportData& data, const std::string& part) {
  return std::any_of(data.notes.begin(), data.notes.end(),
                     [&](const auto& note) { return note.find(part) != std::string::npos; });
}

TEST_F(ReportBuilder, EmptyLedgerGivesEmptySections) {
  const auto data = build();
  EXPECT_EQ(data.stages.size(), 8u);
  for (const auto& stage : data.stages) EXPECT_EQ(stage.state, "pending");
  EXPECT_TRUE(data.charts.empty());
  EXPECT_TRUE(data.samples.empty());
  EXPECT_TRUE(data.judges.empty());
  EXPECT_TRUE(data.preference_models.empty());
  EXPECT_TRUE(data.evaluation.empty());
  EXPECT_TRUE(data.label_sources.empty());
  EXPECT_FALSE(data.firewall_auroc);
  EXPECT_FALSE(data.policy_version);
  EXPECT_FALSE(data.pm_version);
  EXPECT_FALSE(data.substitutions.empty());
  EXPECT_NE(report::render_html(data).find("no data"), std::string::npos);

  const auto status = run_status(ledger_, "run");
  EXPECT_TRUE(status["policy"]["version"].is_null());
  EXPECT_TRUE(status["pm"]["accuracy"].empty());
  EXPECT_EQ(status["phases"].size(), 11u);
}

TEST_F(ReportBuilder, StagesCarryPlanSpentReasonAndPeakMemory) {
  ledger_.set_stage({.name = "sl_train",
                     .state = store::StageState::kDone,
                     .planned_seconds = 10,
                     .spent_seconds = 12,
                     .detail = R"({"peak_pss_bytes": 4096})"});
  ledger_.set_stage(
      {.name = "firewall", .state = store::StageState::kSkipped, .reason = "no data"});
  const auto data = build();
  EXPECT_EQ(data.stages[1].state, "done");
  EXPECT_EQ(data.stages[1].planned_seconds, 10);
  EXPECT_EQ(data.stages[1].spent_seconds, 12);
  EXPECT_EQ(data.stages[4].reason, "no data");
  EXPECT_EQ(data.peak_memory_bytes, 4096);
  EXPECT_TRUE(has_note(data, "Stage firewall was skipped: no data"));
  EXPECT_TRUE(has_note(data, "Q4_1"));
}

TEST_F(ReportBuilder, QuarantinedWorkIsCountedAmongTheWarnings) {
  (void)work("sl_generate", "sl_chain", json::object());
  (void)work("sl_generate", "sl_chain", json::object());
  ledger_.quarantine(2, "answer is empty");
  // What the run said of it at the phase's end is the same, and stands there once.
  ledger_.add_event("warning",
                    "sl_generate: 1 of 2 work items were given up (50 %), most often (1): answer "
                    "is empty");
  const auto notes = build().notes;
  EXPECT_EQ(std::count_if(notes.begin(), notes.end(),
                          [](const auto& note) {
                            return note.find(
                                       "1 of 2 work items were given up (50 %), most often "
                                       "(1): answer is empty") != std::string::npos;
                          }),
            1);
}

TEST_F(ReportBuilder, ADoneStageSaysWhatItLacks) {
  ledger_.set_stage({.name = "label",
                     .state = store::StageState::kDone,
                     .reason = "judge_check: all of its 4 work items were given up: too long"});
  EXPECT_TRUE(has_note(build(), "Stage label is done: judge_check: all of its 4 work items"));
}

TEST_F(ReportBuilder, ExceededLimitsAreTheFirstNotesAndPartOfTheStatus) {
  version("policy", 1, 1, {{"kl_k1", 0.1}, {"entropy", 10.0}, {"importance_mean", 1.0}});
  version("policy", 1, 2, {{"kl_k1", -481.0}, {"entropy", 0.4}, {"importance_mean", 2e-9}});
  version("policy", 1, 3, {{"kl_k1", -20.0}, {"entropy", 0.5}, {"importance_mean", nullptr}});
  version("policy", 1, 4, {{"kl_k1", 3.0}, {"entropy", 0.6}, {"importance_mean", nullptr}});
  ledger_.add_event("warning", "limit kl: said when it was crossed");
  const auto data = build();
  ASSERT_GE(data.notes.size(), 2u);
  EXPECT_EQ(data.notes[0],
            "Limit kl was exceeded: KL to SL-CAI was -481 nats/response at policy version 2, "
            "outside -10 to 50: the policy has left its reference, or is not the one that wrote "
            "the responses. It was within its limit again from version 4.");
  EXPECT_EQ(data.notes[1],
            "Limit entropy was exceeded: policy entropy was 0.4 nats/token at policy version 2, "
            "below 0.1 or outside 0.3 to 3 times its start for 2 versions: the policy repeats "
            "itself, or writes noise. It was so from version 2 to the last. Lower "
            "rl.learning_rate or raise rl.kl_coef.");
  EXPECT_FALSE(has_note(data, "said when it was crossed"));

  const auto limits = run_status(ledger_, "run")["limits"];
  const auto row = [&](const std::string& id) {
    for (const auto& each : limits)
      if (each["limit"] == id) return each;
    return nlohmann::ordered_json();
  };
  EXPECT_EQ(limits.size(), 5u);
  EXPECT_EQ(row("kl")["state"], "within");
  EXPECT_EQ(row("kl")["unit"], "nats/response");
  EXPECT_EQ(row("kl")["worst"], -481);
  EXPECT_EQ(row("kl")["since_version"], 4);
  EXPECT_EQ(row("entropy")["state"], "exceeded");
  EXPECT_EQ(row("entropy")["since_version"], 2);
  // One version below and then none that was measured: neither fired nor shown as 0.
  EXPECT_EQ(row("importance")["state"], "within");
  EXPECT_EQ(row("truncation")["state"], "not measured");
  EXPECT_TRUE(row("truncation")["value"].is_null());
  EXPECT_EQ(limits_exceeded(ledger_), "entropy since version 2");
}

TEST_F(ReportBuilder, AHealthyRunHasNoNoteOfALimit) {
  for (int64_t v = 1; v <= 8; ++v)
    version("policy", 1, v,
            {{"kl_k1", 0.2 * static_cast<double>(v)},
             {"entropy", 1.4},
             {"importance_mean", 0.98},
             {"response_tokens_mean", 30.0},
             {"truncated_ratio", 0.75}});
  for (const auto& note : build().notes) EXPECT_FALSE(note.starts_with("Limit ")) << note;
  EXPECT_EQ(limits_exceeded(ledger_), "");
  const auto status = run_status(ledger_, "run");
  for (const auto& row : status["limits"]) EXPECT_EQ(row["state"], "within");
}

// Every number with a unit, from the table of units.
TEST_F(ReportBuilder, ChartsAndTablesShowTheUnitsOfTheTable) {
  version("policy", 1, 1, {{"kl_k1", 0.1}, {"entropy", 1.0}, {"response_tokens_mean", 30.0}});
  version("sl", 1, 1, {{"loss", 2.0}});
  version("pm", 1, 1, {{"loss", 0.7}});
  auto data = build();
  data.judges.push_back({.method = "contrast"});  // a table without rows shows no headings
  data.preference_models.push_back({.data = "AI preferences"});
  const auto unit_of = [&](const char* title) {
    const auto* found = chart(data, title);
    return found ? found->unit : "no such chart";
  };
  EXPECT_EQ(unit_of("KL to SL-CAI"), "nats/response");
  EXPECT_EQ(unit_of("Entropy"), "nats/token");
  EXPECT_EQ(unit_of("Supervised loss"), "nats/token");
  EXPECT_EQ(unit_of("Preference model loss"), "nats/pair");
  EXPECT_EQ(unit_of("Response length"), "tokens");
  const auto html = report::render_html(data);
  using Heading = std::pair<const char*, const char*>;
  for (const auto& [heading, stat] :
       {Heading{"Label entropy, ", "label_entropy"}, Heading{"Loss, ", "loss"}})
    EXPECT_NE(html.find(heading + std::string(metrics::text(metrics::unit_of_stat("pm", stat)))),
              std::string::npos)
        << heading;
}

TEST_F(ReportBuilder, LabelSourcesCountLearnedWorkThatLeavesNoRecord) {
  for (const char* source : {"human", "ai", "ai", "authored"}) {
    (void)work("pm_train", "preference", json(ComparisonWork{.source = source}));
  }
  // Offered again, as on a resume: used-up ids leave a gap before the next item.
  const store::WorkItem again{"pm_train", "preference", "1", 0, "{}"};
  for (int i = 0; i < 40; ++i) (void)ledger_.add_work({&again, 1});
  (void)work("pm_train", "preference", json(ComparisonWork{.source = "human"}));
  const auto data = build();
  ASSERT_EQ(data.label_sources.size(), 1u);
  EXPECT_EQ(data.label_sources[0].human, 2);
  EXPECT_EQ(data.label_sources[0].ai, 2);
  EXPECT_EQ(data.label_sources[0].authored, 1);
}

TEST_F(ReportBuilder, NotesSayWhatWasLeftOutOrCut) {
  for (int start = 0; start < 2; ++start) {
    ledger_.add_event("info",
                      "data.pmp: Posts.xml: 9 rows, 1 of them held out; 3 skipped: 3 without an "
                      "answer (lines 1, 2, 3)");
  }
  ledger_.add_event("info", "data.helpful: h.json: 9 rows, 1 of them held out");
  // However many warnings come after it.
  ledger_.add_event("warning", "data.red_team: r.txt: changed; taken with --accept-data");
  for (int i = 0; i < 20; ++i) ledger_.add_event("warning", "warning " + std::to_string(i));
  version("pmp", 1, 1, {{"pairs", 4}, {"cut", 3}});
  version("pmp", 1, 2, {{"pairs", 4}, {"cut", 0}});
  record("pm_score", "score", json(actors::ScoreRecord{.purpose = "helpfulness", .cut = 1}),
         json(ComparisonWork{.source = "human"}));
  const auto notes = build().notes;
  const auto count = [&](const std::string& part) {
    return std::count_if(notes.begin(), notes.end(),
                         [&](const auto& note) { return note.find(part) != std::string::npos; });
  };
  EXPECT_EQ(count("data.pmp: Posts.xml"), 1);
  EXPECT_EQ(count("data.helpful"), 0);
  EXPECT_EQ(count("taken with --accept-data"), 1);
  EXPECT_EQ(count("PM pre-training: 3 of 16 conversations were longer than pm_train.max_tokens"),
            1);
  EXPECT_EQ(count("PM accuracy: 1 of 2 conversations"), 1);
}

TEST_F(ReportBuilder, ChainsShowTheirRounds) {
  actors::ChainRecord chain{.prompt_id = "a", .prompt = "Q", .response = "A0"};
  chain.rounds = {{"harm", "C1", "R1"}, {"ethics", "C2", "R2"}};
  for (int i = 0; i < 5; ++i) record("sl_generate", "sl_chain", json(chain));
  const auto data = build();
  ASSERT_EQ(data.samples.size(), 3u);
  EXPECT_EQ(data.samples[0].rounds[1].revision, "R2");
  EXPECT_TRUE(data.samples[0].sl_answer.empty());
}

TEST_F(ReportBuilder, RestoredVersionsReplaceTheLostOnes) {
  // Lineage 1 reached version 3, the restore went back to 1, lineage 2 is at 2.
  version("policy", 1, 1, {{"kl_k1", 0.1}, {"reward_mean", 1.0}, {"rollout_versions", {0, 0}}});
  version("policy", 1, 2, {{"kl_k1", 0.2}, {"reward_mean", 2.0}, {"rollout_versions", {1, 1}}});
  version("policy", 1, 3, {{"kl_k1", 0.3}, {"reward_mean", 3.0}, {"rollout_versions", {2, 2}}});
  version("policy", 2, 2,
          {{"kl_k1", 0.25}, {"reward_mean", nullptr}, {"rollout_versions", {0, 1}}});
  version("pm", 1, 4, json::object());
  version("pm_online", 1, 9, json::object());
  const auto data = build();
  EXPECT_EQ(data.policy_version, 2);
  EXPECT_EQ(data.pm_version, 9);
  ASSERT_EQ(data.rollout_versions.size(), 2u);
  EXPECT_EQ(data.rollout_versions[0].trajectories, 3);  // two in version 1, one in version 2
  EXPECT_EQ(data.rollout_versions[1].trajectories, 1);
  const auto* kl = chart(data, "KL to SL-CAI");
  ASSERT_NE(kl, nullptr);
  ASSERT_EQ(kl->series.size(), 1u);  // k3 was never measured
  EXPECT_EQ(kl->series[0].points, (std::vector<std::pair<double, double>>{{1, 0.1}, {2, 0.25}}));

  const auto status = run_status(ledger_, "run");
  EXPECT_EQ(status["policy"]["version"], 2);
  EXPECT_EQ(status["policy"]["rollout_versions"], (json{0, 1}));
  EXPECT_DOUBLE_EQ(status["policy"]["kl_k1"].get<double>(), 0.25);
  EXPECT_TRUE(status["policy"]["reward_mean"].is_null());
  EXPECT_EQ(status["pm"]["version"], 9);
}

TEST_F(ReportBuilder, FirewallTellsFarPromptsApart) {
  const auto prompt = [&](const char* group, const char* split, float x, float y) {
    record("firewall", "activation",
           json(actors::ActivationRecord{
               .group = group, .split = split, .layers = {7}, .values = {{x, y}}}));
  };
  // Strongly correlated: the relative distance grows along the direction that never occurs.
  for (const float t : {-2.0F, -1.0F, 0.0F, 1.0F, 2.0F})
    prompt("helpful", "train", t, t + 0.1F * t * t);
  prompt("helpful", "held_out", 0.5F, 0.5F);
  prompt("helpful", "held_out", -0.5F, -0.5F);
  prompt("red_team", "held_out", 2, -2);
  prompt("red_team", "held_out", -2, 2);
  const auto data = build();
  ASSERT_TRUE(data.firewall_auroc);
  EXPECT_DOUBLE_EQ(*data.firewall_auroc, 1.0);
  EXPECT_TRUE(has_note(data, "optimistic"));
}

TEST_F(ReportBuilder, RecordThatIsNoJsonIsOneLineWithItsPlace) {
  const auto id = work("eval_generate", "eval", json::object());
  (void)ledger_.record({.work_id = id, .kind = "eval", .body = "{"});
  try {
    (void)build();
    FAIL() << "expected an error";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("eval_generate, work item 1"), std::string::npos);
  }
}

TEST(RunLedger, MissingDirectoryAndMissingLedgerAreNamed) {
  const store::TempDir dir;
  EXPECT_THROW((void)open_run_ledger(dir.path() / "none"), std::runtime_error);
  EXPECT_THROW((void)open_run_ledger(dir.path()), std::runtime_error);
  EXPECT_EQ(run_name("runs/quick/"), "quick");
  EXPECT_EQ(run_name("runs/quick"), "quick");
}

}  // namespace
}  // namespace charter::cli
