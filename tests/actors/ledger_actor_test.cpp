#include "actors/ledger_actor.hpp"

#include <cmath>

#include "actors/fault_handler.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class LedgerActorTest : public ActorTest {
 protected:
  void SetUp() override {
    auto database = std::make_shared<store::Ledger>(store::Ledger::open(path, "test"));
    std::vector<store::WorkItem> work;
    for (int i = 0; i < 3; ++i)
      work.push_back({.stage = "rl", .kind = "rollout", .prompt_id = std::to_string(i)});
    ASSERT_EQ(database->add_work(work), 3u);  // ids 1, 2, 3
    actor = system.spawn<caf::detached>(ledger_actor, wiring(), std::move(database), int64_t{0},
                                        metrics, limits, patience());
    worker.connect(Arrow::kRecord);
    source.connect(Arrow::kRecord, 64);
    ASSERT_TRUE(worker.up());
    ASSERT_TRUE(source.up());
  }
  void TearDown() override { finish(actor); }
  [[nodiscard]] virtual LedgerPatience patience() const {
    return {.between = std::chrono::milliseconds(1)};
  }

  // As another process sees the database: only what is committed.
  store::Ledger read() { return store::Ledger::open_read_only(path); }
  // Sends and waits until the ledger owns it.
  template <class T>
  bool deliver_to_ledger(const T& message) {
    return worker.acked(worker.send(message));
  }

  store::TempDir directory;
  std::filesystem::path path = directory.path() / "ledger.sqlite";
  metrics::LedgerMetrics metrics = metrics::LedgerMetrics::make(registry, {});
  metrics::LimitMetrics limits = metrics::LimitMetrics::make(registry, {});
  LedgerActor actor;
  FarEnd worker{far(), "rollout"}, source{far(), "prompt_source"};
};

TEST_F(LedgerActorTest, ARecordIsInTheDatabaseWhenItIsAcknowledged) {
  ASSERT_TRUE(
      deliver_to_ledger(Record{.work_id = 2, .kind = "pair", .body = "{\"a\":1}", .version = 4}));
  int rows = 0;
  read().for_each_record("rl", "pair", [&](const store::RecordRow& row) {
    ++rows;
    EXPECT_EQ(row.record.work_id, 2);
    EXPECT_EQ(row.record.body, "{\"a\":1}");
    EXPECT_EQ(row.record.version, 4);
    EXPECT_EQ(row.record.lineage, 1);
    return true;
  });
  EXPECT_EQ(rows, 1);
}

TEST_F(LedgerActorTest, TellsThePromptSourceAfterTheCommit) {
  ASSERT_TRUE(deliver_to_ledger(Record{.work_id = 1, .kind = "pair", .body = "{}"}));
  ASSERT_TRUE(source.wait_messages(1));
  const auto commit = source.received<Committed>().at(0);
  EXPECT_EQ(commit.what, "record");
  EXPECT_EQ(commit.kind, "pair");
  EXPECT_EQ(commit.work_ids, (std::vector<int64_t>{1}));
  EXPECT_EQ(read().find(1)->state, store::WorkState::kRecorded);
  EXPECT_TRUE(worker.received<Committed>().empty());
}

TEST_F(LedgerActorTest, ADuplicateIsAcknowledgedAndNotRecordedTwice) {
  ASSERT_TRUE(deliver_to_ledger(Record{.work_id = 1, .kind = "pair", .body = "first"}));
  ASSERT_TRUE(deliver_to_ledger(Record{.work_id = 1, .kind = "pair", .body = "second"}));
  std::vector<std::string> bodies;
  read().for_each_record("rl", "", [&](const store::RecordRow& row) {
    bodies.push_back(row.record.body);
    return true;
  });
  EXPECT_EQ(bodies, (std::vector<std::string>{"first"}));
  EXPECT_EQ(metrics.duplicates.Value(), 1);
  ASSERT_TRUE(source.wait_messages(2));  // the source may have restarted between the two
}

TEST_F(LedgerActorTest, TrainedMarksTheRowsAndTheVersion) {
  ASSERT_TRUE(deliver_to_ledger(
      Trained{.model = "policy", .version = 1, .work_ids = {1, 3}, .stats = "{\"loss\":0.5}"}));
  const auto ledger = read();
  EXPECT_EQ(ledger.find(1)->state, store::WorkState::kTrained);
  EXPECT_EQ(ledger.find(2)->state, store::WorkState::kPending);
  EXPECT_EQ(ledger.find(3)->state, store::WorkState::kTrained);
  const auto versions = ledger.versions("policy");
  ASSERT_EQ(versions.size(), 1u);
  EXPECT_EQ(versions[0].version, 1);
  EXPECT_EQ(versions[0].lineage, 1);
  EXPECT_EQ(versions[0].stats, "{\"loss\":0.5}");
  ASSERT_TRUE(source.wait_messages(1));
  const auto commit = source.received<Committed>().at(0);
  EXPECT_EQ(commit.what, "trained");
  EXPECT_EQ(commit.kind, "policy");
  EXPECT_EQ(commit.work_ids, (std::vector<int64_t>{1, 3}));
}

// A run at learning rate 1: version 1 is the start, the others have exploded.
TEST_F(LedgerActorTest, ACrossedLimitIsOneEventInTheCommitOfItsVersion) {
  const auto train = [&](int64_t version, const char* stats) {
    return deliver_to_ledger(
        Trained{.model = "policy", .version = version, .work_ids = {1}, .stats = stats});
  };
  const auto told = [&] {
    std::vector<std::string> texts;
    for (const auto& event : read().events(100)) texts.push_back(event.level + ": " + event.text);
    return texts;
  };
  ASSERT_TRUE(train(1, R"({"kl_k1": 0.1, "entropy": 10.0})"));
  EXPECT_TRUE(told().empty());
  EXPECT_EQ(limits.exceeded.at("kl")->Value(), 0);
  for (int64_t version = 2; version <= 6; ++version)
    ASSERT_TRUE(train(version, R"({"kl_k1": -481.0, "entropy": 0.4, "importance_mean": null})"));
  const auto texts = told();
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_TRUE(texts[0].starts_with(
      "warning: limit kl: KL to SL-CAI is -481 nats/response at policy version 2, outside"))
      << texts[0];
  EXPECT_TRUE(
      texts[1].starts_with("warning: limit entropy: policy entropy is 0.4 nats/token at "
                           "policy version 3, below 0.1 or outside"))
      << texts[1];
  EXPECT_EQ(limits.exceeded.at("kl")->Value(), 1);
  EXPECT_TRUE(std::isnan(limits.exceeded.at("importance")->Value()));
  // Statistics that are none, and other models' versions, change nothing.
  ASSERT_TRUE(train(7, "not JSON"));
  ASSERT_TRUE(deliver_to_ledger(
      Trained{.model = "sl", .version = 8, .work_ids = {1}, .stats = R"({"kl_k1": 0})"}));
  EXPECT_EQ(told().size(), 2u);
}

// What was told before a restart is an event already; the versions that were taken back are not
// looked at.
TEST_F(LedgerActorTest, AResumedPhaseGoesOnFromTheVersionsThatStand) {
  finish(actor);
  auto database = std::make_shared<store::Ledger>(store::Ledger::open(path, "test"));
  for (int64_t version = 1; version <= 3; ++version)
    database->add_version({.model = "policy",
                           .lineage = 1,
                           .version = version,
                           .stats = version == 1 ? R"({"kl_k1": 60})" : R"({"kl_k1": 0})"});
  const auto resumed = metrics::LimitMetrics::make(registry, {{"actor", "resumed"}});
  actor = system.spawn<caf::detached>(ledger_actor, wiring(), std::move(database), int64_t{1},
                                      metrics, resumed);
  FarEnd again(far(), "pm_trainer");
  again.connect(Arrow::kRecord);
  ASSERT_TRUE(again.up());
  EXPECT_EQ(resumed.exceeded.at("kl")->Value(), 1);
  EXPECT_TRUE(read().events(10).empty());
  ASSERT_TRUE(again.acked(again.send(
      Trained{.model = "policy", .version = 2, .work_ids = {1}, .stats = R"({"kl_k1": 0.5})"})));
  const auto events = read().events(10);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].level, "info");
  EXPECT_NE(events[0].text.find("within its limit again"), std::string::npos);
}

TEST_F(LedgerActorTest, QuarantineIsKeptWithItsReason) {
  ASSERT_TRUE(deliver_to_ledger(Quarantine{.work_id = 2, .reason = "empty prompt"}));
  const auto row = read().find(2);
  EXPECT_EQ(row->state, store::WorkState::kQuarantined);
  EXPECT_EQ(row->reason, "empty prompt");
  ASSERT_TRUE(source.wait_messages(1));
  EXPECT_EQ(source.received<Committed>().at(0).what, "quarantined");
}

TEST_F(LedgerActorTest, AReturnedTrajectorysPromptStaysPendingAndTheSourceIsTold) {
  ASSERT_TRUE(deliver_to_ledger(Returned{.work_ids = {2}, .reason = "stale"}));
  EXPECT_EQ(read().find(2)->state, store::WorkState::kPending);
  ASSERT_TRUE(source.wait_messages(1));
  EXPECT_EQ(source.received<Committed>().at(0).what, "returned");
  EXPECT_EQ(source.received<Committed>().at(0).work_ids, (std::vector<int64_t>{2}));
}

TEST_F(LedgerActorTest, MoreMessagesThanTheCreditOfOneWorkerAllArrive) {
  // 64 unacknowledged ones are the most a worker may have; the acknowledgements let the rest
  // follow.
  for (int i = 0; i < 200; ++i)
    ASSERT_NE(
        worker.send(Record{.work_id = 1 + i % 3, .kind = "k" + std::to_string(i), .body = "{}"}),
        0u);
  ASSERT_TRUE(worker.wait_acked(200));
  size_t rows = 0;
  read().for_each_record("rl", "", [&](const store::RecordRow&) { return ++rows > 0; });
  EXPECT_EQ(rows, 200u);
}

// A source that comes late still hears of what was committed before.
TEST_F(LedgerActorTest, CommitsWaitForAPromptSourceThatIsAway) {
  source.close();
  ASSERT_TRUE(deliver_to_ledger(Record{.work_id = 1, .kind = "pair", .body = "{}"}));
  FarEnd successor(far(), "prompt_source");
  successor.connect(Arrow::kRecord, 64);
  ASSERT_TRUE(successor.wait_messages(1));
  EXPECT_EQ(successor.received<Committed>().at(0).work_ids, (std::vector<int64_t>{1}));
}

TEST_F(LedgerActorTest, WaitsForADatabaseThatIsAwayAndSaysSo) {
  const auto aside = directory.path() / "aside";
  std::filesystem::rename(path, aside);
  const auto sequence = worker.send(Record{.work_id = 1, .kind = "pair", .body = "{}"});
  const std::string what = "ledger " + path.string() + ": No such file or directory";
  EXPECT_TRUE(eventually([&] { return probe(actor).state == "waiting: " + what; }));
  EXPECT_EQ(worker.acked_count(), 0u);
  std::filesystem::rename(aside, path);
  EXPECT_TRUE(worker.acked(sequence));
  EXPECT_EQ(read().count_by_state("rl").recorded, 1);
  EXPECT_TRUE(probe(actor).notice.starts_with(what + "; passed after ")) << probe(actor).notice;
  EXPECT_EQ(probe(actor).state, "serving");
}

TEST_F(LedgerActorTest, EndsInOrderOnlyWhenWhatWaitsIsCommitted) {
  const auto aside = directory.path() / "aside";
  std::filesystem::rename(path, aside);
  (void)worker.send(Record{.work_id = 1, .kind = "pair", .body = "{}"});
  ASSERT_TRUE(eventually([&] { return probe(actor).state != "serving"; }));
  caf::scoped_actor self(system);
  self->send(actor, FinishRole{});
  (void)probe(actor);
  std::filesystem::rename(aside, path);
  self->wait_for(actor);
  EXPECT_EQ(read().count_by_state("rl").recorded, 1);
}

class ImpatientLedgerTest : public LedgerActorTest {
 protected:
  [[nodiscard]] LedgerPatience patience() const override {
    return {.longest = std::chrono::milliseconds(0), .between = std::chrono::milliseconds(1)};
  }
};

TEST_F(ImpatientLedgerTest, DiesOfWhatItWaitedForTooLong) {
  caf::scoped_actor self(system);
  self->monitor(actor);
  std::filesystem::remove(path);
  (void)worker.send(Record{.work_id = 1, .kind = "pair", .body = "{}"});
  std::string reason = "it lives";
  self->receive([&](const caf::down_msg& down) { reason = fault_text(system, down.reason); },
                caf::after(kDeadline) >> [] {});
  EXPECT_EQ(reason,
            "handling Tick: ledger " + path.string() + ": No such file or directory, for 0 s");
  EXPECT_EQ(worker.acked_count(), 0u);  // it stays with its sender
}

}  // namespace
}  // namespace charter::actors
