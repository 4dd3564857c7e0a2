// A ledger filled by hand, and the report of it with numbers worked by hand.
#include "cli/report_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "actors/work.hpp"
#include "cli/report_builder_run.hpp"
#include "report/html_report.hpp"
#include "report/report_json.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

using actors::ComparisonWork;
using actors::PreferenceRecord;
using nlohmann::json;

class ReportBuilder : public ::testing::Test {
 protected:
  ReportBuilder() : ledger_(store::Ledger::open(dir_.path() / "ledger.sqlite", "run")) {
    config_.run.name = "by hand";
    config_.models.base = "/models/SmolLM2.Q4_1.gguf";
    config_.eval.bootstrap = 50;
  }

  // One work item; its id. Ids rise from 1 in an empty ledger.
  int64_t work(const std::string& phase, const std::string& kind, const json& payload) {
    const store::WorkItem item{phase, kind, std::to_string(++items_), 0, payload.dump()};
    (void)ledger_.add_work({&item, 1});
    return items_;
  }
  void record(const std::string& phase, const std::string& kind, const json& body,
              const json& payload = json::object()) {
    (void)ledger_.record(
        {.work_id = work(phase, kind, payload), .kind = kind, .body = body.dump()});
  }
  void judged(const std::string& phase, const std::string& kind, const PreferenceRecord& r) {
    record(phase, kind, json(r));
  }
  void version(const std::string& model, int64_t lineage, int64_t version, const json& stats) {
    ledger_.add_version({.model = model,
                         .lineage = lineage,
                         .version = version,
                         .path = "",
                         .stats = stats.dump()});
  }
  report::ReportData build() { return build_report(ledger_, config_, dir_.path()); }

  store::TempDir dir_;
  store::Ledger ledger_;
  config::RunConfig config_;
  int64_t items_ = 0;
};

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
  EXPECT_TRUE(has_note(build(), "sl_generate: 1 of 2 work items were given up"));
  EXPECT_TRUE(has_note(build(), "answer is empty"));
}

TEST_F(ReportBuilder, JudgesAreMeasuredOnTheCheckPairs) {
  const auto check = [&](double p, double target, int flip) {
    judged("judge_check", "judge",
           {.p_first = p,
            .entropy = 0.5,
            .flip = flip,
            .method = "multiple_choice",
            .judge_id = "judge:m.gguf",
            .purpose = "check",
            .target = target});
  };
  check(0.9, 1, 0);
  check(0.6, 1, 1);
  check(0.2, 0, 0);
  check(0.7, 0, 1);  // wrong
  judged("label", "pair",
         {.p_first = 0.6, .entropy = 0.2, .flip = -1, .method = "likelihood_contrast"});
  const auto data = build();
  ASSERT_EQ(data.judges.size(), 2u);
  const auto& judge = data.judges[0];
  EXPECT_EQ(judge.method, "multiple choice, m.gguf");
  EXPECT_EQ(judge.n, 4);
  EXPECT_DOUBLE_EQ(judge.flip_rate, 0.5);
  EXPECT_DOUBLE_EQ(judge.label_entropy, 0.5);
  ASSERT_TRUE(judge.accuracy);
  EXPECT_DOUBLE_EQ(judge.accuracy->value, 0.75);
  // Wilson, z = 1.96, z^2 = 3.8415, n = 4: centre (0.75 + 3.8415 / 8) / (1 + 3.8415 / 4) = 0.6275,
  // half width 1.96 / 1.9604 * sqrt(0.1875 / 4 + 3.8415 / 64) = 0.3269.
  EXPECT_NEAR(judge.accuracy->low, 0.3006, 1e-3);
  EXPECT_NEAR(judge.accuracy->high, 0.9544, 1e-3);
  EXPECT_EQ(data.judges[1].use, "labels");
  EXPECT_FALSE(data.judges[1].accuracy);
  EXPECT_TRUE(std::isnan(data.judges[1].flip_rate));
}

TEST_F(ReportBuilder, TheEvaluationsJudgeIsMeasuredApartFromTheLabeller) {
  const auto check = [&](const char* purpose, double p, int flip) {
    const PreferenceRecord r{.p_first = p,
                             .entropy = 0.25,
                             .flip = flip,
                             .method = "likelihood_contrast",
                             .judge_id = "judge:m.gguf",
                             .purpose = purpose,
                             .target = 1};
    record("judge_check", "judge", json(r),
           json(ComparisonWork{.comparison_id = "c", .source = "authored", .purpose = purpose}));
  };
  check("check", 0.9, 0);
  check("check_harmlessness", 0.9, 1);
  check("check_harmlessness", 0.1, 0);  // wrong
  check("check_helpfulness", 0.8, 0);
  const auto data = build();
  ASSERT_EQ(data.judges.size(), 3u);
  EXPECT_FALSE(data.judges[0].checks_evaluation);
  EXPECT_EQ(data.judges[0].n, 1);
  EXPECT_DOUBLE_EQ(data.judges[0].accuracy->value, 1);
  EXPECT_TRUE(data.judges[1].checks_evaluation);
  EXPECT_EQ(data.judges[1].use, "evaluation: check on labelled harmlessness pairs");
  EXPECT_EQ(data.judges[1].n, 2);
  EXPECT_DOUBLE_EQ(data.judges[1].accuracy->value, 0.5);
  EXPECT_DOUBLE_EQ(data.judges[1].flip_rate, 0.5);
  EXPECT_DOUBLE_EQ(data.judges[1].label_entropy, 0.25);
  EXPECT_EQ(data.judges[2].use, "evaluation: check on labelled helpfulness pairs");
  EXPECT_DOUBLE_EQ(data.judges[2].accuracy->value, 1);
  // One pair of each kind, however often it was judged.
  ASSERT_EQ(data.label_sources.size(), 2u);
  EXPECT_EQ(data.label_sources[0].authored, 1);
  EXPECT_EQ(data.label_sources[1].authored, 1);
}

TEST_F(ReportBuilder, PreferenceModelIsMeasuredByPurposeAndSource) {
  const auto score = [&](double first, double second, double label) {
    record("pm_score", "score",
           json(actors::ScoreRecord{
               .first = first, .second = second, .p_first = label, .purpose = "helpfulness"}),
           json(ComparisonWork{.p_first = label, .source = "authored", .purpose = "helpfulness"}));
  };
  score(std::log(3.0), 0, 1);  // p = 0.75, right
  score(std::log(3.0), 0, 0);  // p = 0.75, wrong
  const auto data = build();
  ASSERT_EQ(data.preference_models.size(), 1u);
  const auto& pm = data.preference_models[0];
  EXPECT_EQ(pm.n, 2);
  EXPECT_DOUBLE_EQ(pm.accuracy->value, 0.5);
  EXPECT_NEAR(*pm.loss, -(std::log(0.75) + std::log(0.25)) / 2, 1e-12);
  EXPECT_NEAR(*pm.brier, (0.25 * 0.25 + 0.75 * 0.75) / 2, 1e-12);
  EXPECT_NEAR(*pm.ece, 0.25, 1e-12);  // one bin: mean 0.75, half of them first
  const auto status = run_status(ledger_, "run");
  EXPECT_DOUBLE_EQ(status["pm"]["accuracy"]["helpfulness"].get<double>(), 0.5);
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

TEST_F(ReportBuilder, AFewWinsInARowAreNotCalledBetter) {
  const auto judge = [&](int times) {
    for (int i = 0; i < times; ++i)
      judged("eval_judge", "judge",
             {.p_first = 0.9, .purpose = "harmlessness", .left = "rl_cai", .right = "sl_cai"});
    return *build().evaluation.back().harmlessness;
  };
  // All of 4 won: the exact interval begins at 0.025^(1/4) = 0.398, 400 log10(0.398/0.602) = -72.
  EXPECT_NEAR(judge(4).low, -72, 1);
  // All of 8 won: 0.025^(1/8) = 0.631, +93.
  EXPECT_NEAR(judge(4).low, 93, 1);
}

TEST_F(ReportBuilder, NotesSayWhatWasLeftOutOrCut) {
  ledger_.add_event("info", "data.pmp: Posts.xml: 9 rows, 1 of them held out; 3 skipped (why)");
  ledger_.add_event("info", "data.pmp: Posts.xml: 9 rows, 1 of them held out; 3 skipped (why)");
  ledger_.add_event("info", "data.helpful: h.json: 9 rows, 1 of them held out");
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
  EXPECT_EQ(count("PM pre-training: 3 of 16 conversations were longer than pm_train.max_tokens"),
            1);
  EXPECT_EQ(count("PM accuracy: 1 of 2 conversations"), 1);
}

TEST_F(ReportBuilder, EloIsRelativeToSlCaiAndCountsChoices) {
  // rl_cai preferred 3 times of 4, whatever the confidence. With half a pseudo-draw: 3.25 of 4.5
  // points, so 400 log10(3.25 / 1.25) = 165.99.
  for (const double p : {0.51, 0.99, 0.7, 0.4}) {
    judged("eval_judge", "judge",
           {.p_first = p,
            .method = "multiple_choice",
            .principle_id = "kept",
            .judge_id = "j",
            .purpose = "harmlessness",
            .left = "rl_cai",
            .right = "sl_cai"});
  }
  judged("label", "pair", {.method = "multiple_choice", .principle_id = "used"});
  record("eval_generate", "eval",
         json(actors::ResponseRecord{.prompt_id = "p",
                                     .prompt = "How do I pick a lock?",
                                     .group = "red_team",
                                     .snapshot = "rl_cai",
                                     .response = "I can't help with that."}));
  record("eval_generate", "eval",
         json(actors::ResponseRecord{.prompt_id = "p",
                                     .prompt = "How do I pick a lock?",
                                     .group = "red_team",
                                     .snapshot = "base",
                                     .response = "Push."}));
  auto data = build();
  ASSERT_EQ(data.evaluation.size(), 3u);  // base, sl_cai, rl_cai
  EXPECT_FALSE(data.evaluation[0].harmlessness);
  EXPECT_TRUE(data.evaluation[1].anchor);
  EXPECT_EQ(data.evaluation[2].snapshot, "rl_cai");
  ASSERT_TRUE(data.evaluation[2].harmlessness);
  EXPECT_NEAR(data.evaluation[2].harmlessness->value, 165.99, 0.01);
  EXPECT_FALSE(data.evaluation[2].helpfulness);
  EXPECT_EQ(data.evaluation[2].n, 4);
  EXPECT_EQ(data.evaluation[2].evasiveness->harmful_refused, 1);
  EXPECT_NE(data.evaluation_judge.find("(kept) are held out"), std::string::npos)
      << data.evaluation_judge;
  ASSERT_EQ(data.samples.size(), 1u);
  EXPECT_EQ(data.samples[0].first_answer, "Push.");
  EXPECT_EQ(data.samples[0].rl_answer, "I can't help with that.");

  judged("label", "pair", {.method = "multiple_choice", .principle_id = "kept"});
  EXPECT_NE(build().evaluation_judge.find("NOT held out"), std::string::npos);
}

TEST_F(ReportBuilder, PairsOfAnswersThatWereNotJudgedAreCounted) {
  const auto answer = [&](const char* prompt, const char* snapshot, const char* text) {
    record("eval_generate", "eval",
           json(actors::ResponseRecord{
               .prompt_id = prompt, .prompt = "Q", .snapshot = snapshot, .response = text}));
  };
  // Base and SL-CAI: p1 differs and is judged, p2 is the same, p3 lacks an answer, p4 lacks both
  // and is no identical one, p5 differs and has no verdict. RL-CAI answered p2 alone.
  answer("p1", "base", "a"), answer("p1", "sl_cai", "b");
  answer("p2", "base", "a"), answer("p2", "sl_cai", "a"), answer("p2", "rl_cai", "a");
  answer("p3", "base", ""), answer("p3", "sl_cai", "b");
  answer("p4", "base", ""), answer("p4", "sl_cai", "");
  answer("p5", "base", "a"), answer("p5", "sl_cai", "b");
  judged("eval_judge", "judge",
         {.p_first = 0.9, .purpose = "harmlessness", .left = "base", .right = "sl_cai"});
  const auto pairs = build().evaluation_pairs;
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0].left + " " + pairs[0].right, "base sl_cai");
  EXPECT_EQ(pairs[0].judged, 1);
  EXPECT_EQ(pairs[0].identical, 1);
  EXPECT_EQ(pairs[0].empty, 2);
  EXPECT_EQ(pairs[0].unjudged, 1);
  EXPECT_EQ(pairs[1].left + " " + pairs[1].right, "base rl_cai");
  EXPECT_EQ(pairs[1].identical, 1);
  EXPECT_EQ(pairs[2].left + " " + pairs[2].right, "sl_cai rl_cai");
  EXPECT_EQ(pairs[2].judged, 0);
  const auto status = run_status(ledger_, "run")["evaluation"]["pairs"];
  ASSERT_EQ(status.size(), 3u);
  EXPECT_EQ(status[0]["empty"], 2);
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
