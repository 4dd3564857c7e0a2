#include "actors/ledger_actor.hpp"

#include <cmath>

#include "actors/fault_handler.hpp"
#include "actors/link_meter.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class LedgerActorTest : public ActorTest {
 protected:
  void SetUp() override {
    auto database = std::make_shared<store::Ledger>(store::Ledger::open(path, "test"));
    std::vector<store::WorkItem> work;
    for (int i = 0; i < kItems; ++i)
      work.push_back({.stage = "rl", .kind = "pair", .prompt_id = std::to_string(i)});
    ASSERT_EQ(database->add_work(work), size_t{kItems});  // ids from 1
    GivenOut given;
    for (int64_t id = 1; id < kItems; ++id) given[id] = {ticket(id), "pair"};  // not the last one
    auto mine = wiring();
    mine.meter = meter;
    actor = system.spawn<caf::detached>(ledger_actor, mine, std::move(database), given, int64_t{0},
                                        metrics, limits, patience());
    for (FarEnd* peer : {&worker, &trainer, &replay}) {
      peer->connect(Arrow::kRecord);
      ASSERT_TRUE(peer->up());
    }
    source.connect(Arrow::kRecord, 64);
    ASSERT_TRUE(source.up());
  }
  void TearDown() override { finish(actor); }
  [[nodiscard]] virtual LedgerPatience patience() const {
    return {.between = std::chrono::milliseconds(1)};
  }

  // As another process sees the database: only what is committed.
  store::Ledger read() { return store::Ledger::open_read_only(path); }
  static uint64_t ticket(int64_t id) { return 1000 + static_cast<uint64_t>(id); }
  static Record record(int64_t id, const std::string& body = "{}") {
    return {.work_id = id, .kind = "pair", .body = body, .ticket = ticket(id)};
  }
  static Trained trained(int64_t version, std::vector<int64_t> ids) {
    Trained message{.model = "policy", .version = version, .work_ids = ids, .stats = "{}"};
    for (const int64_t id : ids) message.tickets.push_back(ticket(id));
    return message;
  }
  // Sends and waits until the ledger owns it, or has refused it.
  template <class T>
  static bool say(FarEnd& from, const T& message) {
    return from.acked(from.send(message));
  }
  template <class T>
  bool deliver_to_ledger(const T& message) {
    return say(worker, message);
  }
  double refused() const {
    for (const auto& family : meter->Collect())
      if (family.name == "charter_msg_decode_errors_total")
        for (const auto& metric : family.metric) return metric.counter.value;
    return -1;
  }
  int64_t rows(const std::string& table) {
    auto reader = read();
    int64_t count = 0;
    if (table == "events") return static_cast<int64_t>(reader.events(100).size());
    if (table == "versions") return static_cast<int64_t>(reader.versions("policy").size());
    reader.for_each_record("rl", "", [&](const store::RecordRow&) { return ++count > 0; });
    return count;
  }

  store::TempDir directory;
  std::filesystem::path path = directory.path() / "ledger.sqlite";
  static constexpr int64_t kItems = 202;
  std::shared_ptr<LinkMeter> meter = std::make_shared<LinkMeter>(here, "r");
  metrics::LedgerMetrics metrics = metrics::LedgerMetrics::make(registry, {});
  metrics::LimitMetrics limits = metrics::LimitMetrics::make(registry, {});
  LedgerActor actor;
  FarEnd worker{far(), "rollout"}, source{far(), "prompt_source"};
  FarEnd trainer{far(), "ppo_learner"}, replay{far(), "replay_buffer"};
};

TEST_F(LedgerActorTest, ARecordIsInTheDatabaseWhenItIsAcknowledged) {
  auto message = record(2, "{\"a\":1}");
  message.version = 4;
  ASSERT_TRUE(deliver_to_ledger(message));
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
  ASSERT_TRUE(deliver_to_ledger(record(1)));
  ASSERT_TRUE(source.wait_messages(1));
  const auto commit = source.received<Committed>().at(0);
  EXPECT_EQ(commit.what, "record");
  EXPECT_EQ(commit.kind, "pair");
  EXPECT_EQ(commit.work_ids, (std::vector<int64_t>{1}));
  EXPECT_EQ(read().find(1)->state, store::WorkState::kRecorded);
  EXPECT_TRUE(worker.received<Committed>().empty());
}

TEST_F(LedgerActorTest, ADuplicateIsAcknowledgedAndNotRecordedTwice) {
  ASSERT_TRUE(deliver_to_ledger(record(1, "1")));
  ASSERT_TRUE(deliver_to_ledger(record(1, "2")));
  std::vector<std::string> bodies;
  read().for_each_record("rl", "", [&](const store::RecordRow& row) {
    bodies.push_back(row.record.body);
    return true;
  });
  EXPECT_EQ(bodies, (std::vector<std::string>{"1"}));
  EXPECT_EQ(metrics.duplicates.Value(), 1);
  ASSERT_TRUE(source.wait_messages(2));  // the source may have restarted between the two
}

TEST_F(LedgerActorTest, TrainedMarksTheRowsAndTheVersion) {
  auto message = trained(1, {1, 3});
  message.stats = "{\"loss\":0.5}";
  ASSERT_TRUE(say(trainer, message));
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
    auto message = trained(version, {1});
    message.stats = stats;
    return say(trainer, message);
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
  // Statistics that are none of these, and other models' versions, change nothing.
  ASSERT_TRUE(train(7, "[]"));
  auto of_another = trained(8, {1});
  of_another.model = "sl";
  of_another.stats = R"({"kl_k1": 0})";
  ASSERT_TRUE(say(trainer, of_another));
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
  const GivenOut given{{1, {ticket(1), "pair"}}};
  actor = system.spawn<caf::detached>(ledger_actor, wiring(), std::move(database), given,
                                      int64_t{1}, metrics, resumed, patience());
  probe(actor);
  EXPECT_EQ(resumed.exceeded.at("kl")->Value(), 1);
  EXPECT_TRUE(read().events(10).empty());
  auto next = trained(2, {1});
  next.stats = R"({"kl_k1": 0.5})";
  ASSERT_TRUE(say(trainer, next));
  const auto events = read().events(10);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].level, "info");
  EXPECT_NE(events[0].text.find("within its limit again"), std::string::npos);
}

TEST_F(LedgerActorTest, QuarantineIsKeptWithItsReason) {
  ASSERT_TRUE(
      deliver_to_ledger(Quarantine{.work_id = 2, .reason = "empty prompt", .ticket = ticket(2)}));
  const auto row = read().find(2);
  EXPECT_EQ(row->state, store::WorkState::kQuarantined);
  EXPECT_EQ(row->reason, "empty prompt");
  ASSERT_TRUE(source.wait_messages(1));
  EXPECT_EQ(source.received<Committed>().at(0).what, "quarantined");
}

TEST_F(LedgerActorTest, AReturnedTrajectorysPromptStaysPendingAndTheSourceIsTold) {
  ASSERT_TRUE(say(replay, Returned{{2}, "stale", {ticket(2)}}));
  EXPECT_EQ(read().find(2)->state, store::WorkState::kPending);
  ASSERT_TRUE(source.wait_messages(1));
  EXPECT_EQ(source.received<Committed>().at(0).what, "returned");
  EXPECT_EQ(source.received<Committed>().at(0).work_ids, (std::vector<int64_t>{2}));
}

TEST_F(LedgerActorTest, MoreMessagesThanTheCreditOfOneWorkerAllArrive) {
  // 64 unacknowledged ones are the most a worker may have; the acknowledgements let the rest
  // follow.
  for (int64_t id = 1; id <= 200; ++id) ASSERT_NE(worker.send(record(id)), 0u);
  ASSERT_TRUE(worker.wait_acked(200));
  EXPECT_EQ(rows("records"), 200);
}

// No ticket, another item's, one of an item that this phase does not give out, one that nobody has.
TEST_F(LedgerActorTest, WhoDoesNotHoldAnItemCannotSayWhatCameOfIt) {
  auto without = record(1), others = record(1), not_given = record(kItems), unknown = record(9999);
  without.ticket = 0;
  others.ticket = ticket(2);
  for (const auto& message : {without, others, not_given, unknown})
    ASSERT_TRUE(deliver_to_ledger(message));
  ASSERT_TRUE(deliver_to_ledger(Quarantine{.work_id = 1, .reason = "forged", .ticket = 7}));
  ASSERT_TRUE(say(replay, Returned{{1}, "forged", {7}}));
  auto forged = trained(1, {1, 2});
  forged.tickets[1] = 7;
  ASSERT_TRUE(say(trainer, forged));
  forged.tickets.pop_back();
  ASSERT_TRUE(say(trainer, forged));
  ASSERT_TRUE(say(trainer, trained(1, {})));
  EXPECT_TRUE(eventually([&] { return refused() == 9; }));
  EXPECT_EQ(read().find(1)->state, store::WorkState::kPending);
  EXPECT_EQ(rows("records") + rows("versions") + rows("events"), 0);
  EXPECT_TRUE(source.received<Committed>().empty());
}

// What one role may say another may not, whatever tickets it holds.
TEST_F(LedgerActorTest, WhatIsNotTheRolesToSayIsRefused) {
  ASSERT_TRUE(say(worker, trained(1, {1})));
  ASSERT_TRUE(say(worker, Returned{{1}, "stale", {ticket(1)}}));
  ASSERT_TRUE(say(trainer, record(1)));
  ASSERT_TRUE(say(trainer, Returned{{1}, "stale", {ticket(1)}}));
  auto of_the_pm = trained(1, {1});
  of_the_pm.model = "pm";  // the pm_trainer's
  ASSERT_TRUE(say(trainer, of_the_pm));
  worker.announce(record(1));  // data passes with credit, or not at all
  source.announce(Committed{.what = "trained", .work_ids = {1}});
  EXPECT_TRUE(eventually([&] { return refused() == 7; }));
  EXPECT_EQ(rows("records") + rows("versions") + rows("events"), 0);
  EXPECT_EQ(read().find(1)->state, store::WorkState::kPending);
}

TEST_F(LedgerActorTest, WhatCannotBeIsRefused) {
  auto other_kind = record(1), no_json = record(1, "not JSON"), before_all = record(1);
  other_kind.kind = "rollout";
  before_all.version = -1;
  for (const auto& message : {other_kind, no_json, before_all})
    ASSERT_TRUE(deliver_to_ledger(message));
  ASSERT_TRUE(say(trainer, trained(0, {1})));
  ASSERT_TRUE(say(trainer, trained(65, {1})));  // 64 messages may be outstanding at once
  auto no_stats = trained(1, {1});
  no_stats.stats = "{";
  ASSERT_TRUE(say(trainer, no_stats));
  EXPECT_TRUE(eventually([&] { return refused() == 6; }));
  EXPECT_EQ(rows("records") + rows("versions") + rows("events"), 0);
  ASSERT_TRUE(say(trainer, trained(64, {1})));
  EXPECT_EQ(rows("versions"), 1);
  ASSERT_TRUE(say(trainer, trained(128, {2})));  // counted from the newest
  ASSERT_TRUE(say(trainer, trained(63, {3})));   // late
  EXPECT_EQ(rows("versions"), 3);
  EXPECT_EQ(refused(), 6);
}

// What a peer says again and again adds no rows, and its words are cut.
TEST_F(LedgerActorTest, AQuarantineIsOneEventHoweverOftenItIsSaid) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "\u00e9";  // two bytes: one of them would end at 2001
  const Quarantine message{.work_id = 2, .reason = "x" + text, .ticket = ticket(2)};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(deliver_to_ledger(message));
  EXPECT_EQ(rows("events"), 1);
  EXPECT_EQ(read().find(2)->reason, "x" + text.substr(0, 1998));
}

// A source that comes late still hears of what was committed before.
TEST_F(LedgerActorTest, CommitsWaitForAPromptSourceThatIsAway) {
  source.close();
  ASSERT_TRUE(deliver_to_ledger(record(1)));
  FarEnd successor(far(), "prompt_source");
  successor.connect(Arrow::kRecord, 64);
  ASSERT_TRUE(successor.wait_messages(1));
  EXPECT_EQ(successor.received<Committed>().at(0).work_ids, (std::vector<int64_t>{1}));
}

TEST_F(LedgerActorTest, WaitsForADatabaseThatIsAwayAndSaysSo) {
  const auto aside = directory.path() / "aside";
  std::filesystem::rename(path, aside);
  const auto sequence = worker.send(record(1));
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
  (void)worker.send(record(1));
  ASSERT_TRUE(eventually([&] { return probe(actor).state != "serving"; }));
  caf::scoped_actor self(system);
  self->send(actor, FinishRole{.complete = true});
  (void)probe(actor);
  std::filesystem::rename(aside, path);
  self->wait_for(actor);
  EXPECT_EQ(read().count_by_state("rl").recorded, 1);
}

TEST_F(LedgerActorTest, AnIncompletePhaseDoesNotWaitForADatabaseThatIsAway) {
  std::filesystem::rename(path, directory.path() / "aside");
  (void)worker.send(record(1));
  ASSERT_TRUE(eventually([&] { return probe(actor).state.starts_with("waiting: "); }));
  caf::scoped_actor self(system);
  self->monitor(actor);
  self->send(actor, FinishRole{});
  std::string reason = "it lives";
  self->receive([&](const caf::down_msg& down) { reason = fault_text(system, down.reason); },
                caf::after(kDeadline) >> [] {});
  EXPECT_TRUE(reason.starts_with("handling FinishRole: ledger " + path.string() +
                                 ": No such file or directory, for "))
      << reason;
}

class FoldingLedgerTest : public LedgerActorTest {
 protected:
  [[nodiscard]] LedgerPatience patience() const override {
    return {.fold = std::chrono::milliseconds(0)};
  }
};

TEST_F(FoldingLedgerTest, TheDatabaseAloneHasWhatWasCommittedBeforeAProbe) {
  ASSERT_TRUE(say(worker, record(1)));
  (void)probe(actor);
  const auto alone = directory.path() / "alone.sqlite";
  std::filesystem::copy_file(path, alone);
  EXPECT_EQ(store::Ledger::open_read_only(alone).count_by_state("rl").recorded, 1);
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
  (void)worker.send(record(1));
  std::string reason = "it lives";
  self->receive([&](const caf::down_msg& down) { reason = fault_text(system, down.reason); },
                caf::after(kDeadline) >> [] {});
  EXPECT_EQ(reason,
            "handling Tick: ledger " + path.string() + ": No such file or directory, for 0 s");
  EXPECT_EQ(worker.acked_count(), 0u);  // it stays with its sender
}

}  // namespace
}  // namespace charter::actors
