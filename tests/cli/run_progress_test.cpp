#include "cli/run_progress.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "actors/pipeline.hpp"
#include "cli/report_builder.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

using Json = nlohmann::ordered_json;

class RunProgress : public testing::Test {
 protected:
  Json progress(bool live, double now) {
    auto status = run_status(ledger, "run");
    add_progress(status, ledger, config, live, now);
    return status;
  }
  static Json stage(const Json& status, const std::string& name) {
    for (const auto& s : status["stages"])
      if (s["name"] == name) return s;
    return nullptr;
  }
  store::TempDir dir;
  config::RunConfig config;
  store::Ledger ledger = store::Ledger::open(dir.path() / "ledger.sqlite", "r");
};

TEST_F(RunProgress, TheStageUnderWayHasItsSecondsSoFarAndItsItems) {
  std::vector<store::WorkItem> work;
  for (const char* id : {"a", "b", "c", "d"}) work.push_back({"rl", "rollout", id, 0, "{}"});
  work.push_back({"rl", "pair", "a", 0, "{}"});  // the stage does not wait for pairs
  ledger.add_work(work);
  ledger.record(
      {1, "rollout", "{}", 1, 0});  // recorded is not settled: a training settles a rollout
  ledger.mark_trained("policy", 1, 1, std::vector<int64_t>{2});
  ledger.quarantine(3, "too long");
  ledger.set_stage({.name = "rl",
                    .state = store::StageState::kRunning,
                    .planned_seconds = 100,
                    .spent_seconds = 30,
                    .detail = Json{{actors::kAttemptBegan, 1000.0}}.dump()});
  const auto status = progress(true, 1012);
  EXPECT_EQ(status["live"], true);
  const auto rl = stage(status, "rl");
  EXPECT_EQ(rl["state"], "running");
  EXPECT_EQ(rl["done"], 2);  // trained and quarantined
  EXPECT_EQ(rl["total"], 4);
  EXPECT_EQ(rl["spent_seconds"], 42);  // 30 before, 12 now
  EXPECT_TRUE(stage(status, "eval")["total"].is_null());
  EXPECT_TRUE(stage(status, "eval")["spent_seconds"].is_null());
}

TEST_F(RunProgress, AStageThatNoProcessRunsIsStoppedAndLastedToItsLastRecord) {
  ledger.add_work(std::vector<store::WorkItem>{{"sl_generate", "sl_chain", "a", 0, "{}"}});
  ledger.record({1, "sl_chain", "{}", 1, 0});
  const double recorded = ledger.last_activity();
  ledger.set_stage({.name = "sl_generate",
                    .state = store::StageState::kRunning,
                    .spent_seconds = 5,
                    .detail = Json{{actors::kAttemptBegan, recorded - 7}}.dump()});
  const auto status = progress(false, recorded + 3600);
  EXPECT_EQ(status["live"], false);
  EXPECT_EQ(stage(status, "sl_generate")["state"], "stopped");
  EXPECT_NEAR(stage(status, "sl_generate")["spent_seconds"].get<double>(), 12, 0.01);  // 5 + 7
  EXPECT_EQ(stage(status, "sl_generate")["done"], 1);  // a record settles a chain
}

}  // namespace
}  // namespace charter::cli
