#include "actors/ledger_actor.hpp"

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
    actor = system.spawn<caf::detached>(ledger_actor, wiring(), std::move(database), metrics);
    worker.connect(Arrow::kRecord);
    source.connect(Arrow::kRecord, 64);
    ASSERT_TRUE(worker.up());
    ASSERT_TRUE(source.up());
  }
  void TearDown() override { finish(actor); }

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

}  // namespace
}  // namespace charter::actors
