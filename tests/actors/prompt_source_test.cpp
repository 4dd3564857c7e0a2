#include "actors/prompt_source.hpp"

#include "tests/actors/fixture.hpp"

namespace charter::actors {
namespace {

std::vector<SourceItem> items(int64_t count, const std::string& kind = "rollout") {
  std::vector<SourceItem> result;
  for (int64_t id = 1; id <= count; ++id)
    result.push_back({id, kind, "payload " + std::to_string(id)});
  return result;
}

std::vector<int64_t> ids(FarEnd& worker) {
  std::vector<int64_t> result;
  for (const auto& item : worker.received<WorkItem>()) result.push_back(item.work_id);
  return result;
}

class PromptSource : public ActorTest {
 protected:
  void start(PromptSourceOptions options) {
    ledger.bind(Arrow::kRecord, 64);
    source = system.spawn(prompt_source, wiring(), std::move(options),
                          metrics::PromptSourceMetrics::make(registry, {}));
    ASSERT_TRUE(ledger.up());
  }
  void TearDown() override {
    if (source) finish(source);
  }

  // A worker that takes `kinds` and holds at most `credit` items.
  void join(FarEnd& worker, std::vector<std::string> kinds, int64_t credit) {
    worker.connect(Arrow::kWork);
    ASSERT_TRUE(worker.up());
    worker.announce(WorkRequest{std::move(kinds)});
    worker.grant(credit);
  }
  void commit(const std::string& what, const std::string& kind, std::vector<int64_t> work_ids,
              int64_t version = 0) {
    EXPECT_TRUE(ledger.acked(ledger.send(Committed{what, kind, version, std::move(work_ids)})));
  }
  SourceReport report() {
    SourceReport result;
    caf::scoped_actor self(system);
    self->request(source, kDeadline, SourceReportRequest{})
        .receive([&](const SourceReport& r) { result = r; },
                 [](const caf::error& e) { ADD_FAILURE() << to_string(e); });
    return result;
  }
  // Leased and not handed over, as the source's own report says.
  bool leased(int64_t count) {
    return eventually(
        [&] { return probe(source).state.starts_with(std::to_string(count) + " leased,"); });
  }

  PromptSourceActor source;
  FarEnd ledger{far(), "ledger"};
  FarEnd worker{far(), "rollout", 0}, other{far(), "rollout", 1};
};

TEST_F(PromptSource, LeasesOnlyAsManyItemsAsTheWorkerHasCreditFor) {
  start({.phase = "rl", .items = items(3), .required = {"rollout"}});
  join(worker, {"rollout"}, 0);
  join(other, {"rollout"}, 2);
  ASSERT_TRUE(other.wait_messages(2));
  EXPECT_EQ(ids(other), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(other.received<WorkItem>()[0].payload, "payload 1");
  EXPECT_EQ(report().pending, 1);
  EXPECT_TRUE(ids(worker).empty());
  worker.grant(1);
  ASSERT_TRUE(worker.wait_messages(1));
  EXPECT_EQ(ids(worker), (std::vector<int64_t>{3}));
}

TEST_F(PromptSource, GivesAWorkerOnlyTheKindsItAskedFor) {
  auto mixed = items(2);
  mixed.push_back({3, "pair", ""});
  start({.phase = "rl", .items = mixed, .required = {"rollout"}});
  join(worker, {"pair"}, 4);
  ASSERT_TRUE(worker.wait_messages(1));
  EXPECT_EQ(ids(worker), (std::vector<int64_t>{3}));
  EXPECT_EQ(report().pending, 2);
}

// Whatever it asks for: a rollout that asks for a trainer's work is given none.
TEST_F(PromptSource, AWorkerMayAskForItsRolesKindsAlone) {
  auto mixed = items(1);
  mixed.push_back({2, "sft", "", 77});
  start({.phase = "rl",
         .items = mixed,
         .required = {"rollout"},
         .kinds_of = {{Role::kRollout, {"rollout"}}, {Role::kPpoLearner, {"sft"}}}});
  FarEnd learner{far(), "ppo_learner"};
  join(worker, {"rollout", "sft"}, 4);
  join(learner, {"sft"}, 4);
  ASSERT_TRUE(learner.wait_messages(1));
  EXPECT_EQ(ids(learner), (std::vector<int64_t>{2}));
  EXPECT_EQ(learner.received<WorkItem>()[0].ticket, 77u);  // the item's own, for its results
  worker.announce(WorkRequest{{"rollout"}});
  ASSERT_TRUE(worker.wait_messages(1));
  EXPECT_EQ(ids(worker), (std::vector<int64_t>{1}));
}

TEST_F(PromptSource, AnAcknowledgedLeaseIsHandedOverAndARecordSettlesIt) {
  start({.phase = "label", .items = items(1, "pair"), .required = {"pair"}});
  join(worker, {"pair"}, 1);
  ASSERT_TRUE(worker.wait_messages(1));
  EXPECT_TRUE(leased(1));
  worker.acknowledge(0);
  EXPECT_TRUE(leased(0));
  worker.close();  // takes nothing with it
  join(other, {"pair"}, 1);
  auto now = report();
  EXPECT_EQ(now.leased, 1);  // handed over is still under way
  EXPECT_EQ(now.done, 0);
  EXPECT_FALSE(now.complete);
  commit("record", "pair", {1});
  now = report();
  EXPECT_EQ(now.done, 1);
  EXPECT_TRUE(now.complete);
  EXPECT_TRUE(ids(other).empty());
}

TEST_F(PromptSource, ALostWorkersItemsGoToAnotherWorker) {
  start({.phase = "label", .items = items(2, "pair"), .required = {"pair"}});
  join(worker, {"pair"}, 2);
  ASSERT_TRUE(worker.wait_messages(2));
  join(other, {"pair"}, 2);
  worker.close();
  ASSERT_TRUE(other.wait_messages(2));
  EXPECT_EQ(ids(other), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(other.received<WorkItem>()[0].attempt, 2);
}

TEST_F(PromptSource, AnExpiredLeaseIsIssuedAgain) {
  start({.phase = "label",
         .items = items(1, "pair"),
         .required = {"pair"},
         .leases = {.duration = std::chrono::milliseconds(100)}});
  join(worker, {"pair"}, 2);
  ASSERT_TRUE(worker.wait_messages(2));
  EXPECT_EQ(worker.received<WorkItem>()[1].work_id, 1);
  EXPECT_EQ(worker.received<WorkItem>()[1].attempt, 2);
}

TEST_F(PromptSource, AWorkerThatSpeaksOfAnItemKeepsItsLease) {
  start({.phase = "label",
         .items = items(2, "pair"),
         .required = {"pair"},
         .leases = {.duration = std::chrono::milliseconds(900)}});
  join(worker, {"pair"}, 3);
  ASSERT_TRUE(worker.wait_messages(2));
  // Held are 1 and 2, of which it speaks of 1 only: 2 was lost on the way, and comes again.
  ASSERT_TRUE(eventually([&] {
    worker.announce(Renewal{{1}});
    return ids(worker).size() >= 3;
  }));
  EXPECT_EQ(ids(worker), (std::vector<int64_t>{1, 2, 2}));
}

TEST_F(PromptSource, AnItemWhoseLeasesAllFailedIsQuarantinedInTheLedger) {
  start({.phase = "label",
         .items = items(1, "pair"),
         .required = {"pair"},
         .leases = {.max_attempts = 1}});
  join(worker, {"pair"}, 1);
  ASSERT_TRUE(worker.wait_messages(1));
  worker.close();
  ASSERT_TRUE(ledger.wait_messages(1));
  EXPECT_EQ(ledger.received<Quarantine>().at(0).work_id, 1);
  EXPECT_EQ(report().quarantined, 1);
  EXPECT_TRUE(report().complete);  // nothing required is left
}

TEST_F(PromptSource, IsCompleteWhenTheRequiredKindsAreSettledEachInItsWay) {
  auto mixed = items(1);
  mixed.push_back({2, "pair", ""});
  mixed.push_back({3, "score", ""});
  start({.phase = "rl",
         .items = mixed,
         .required = {"rollout", "pair"},
         .settled_by_training = {"rollout"}});
  commit("record", "rollout", {1});  // a record does not settle what is to be trained
  commit("record", "pair", {2});
  EXPECT_FALSE(report().complete);
  commit("trained", "policy", {1}, 1);
  EXPECT_TRUE(report().complete);  // "score" is not required
  EXPECT_EQ(report().done, 2);
  EXPECT_EQ(report().pending, 1);
}

TEST_F(PromptSource, SaysDrainedWithTheNumberOfItemsItSentToThatWorker) {
  start({.phase = "label", .items = items(3, "pair"), .required = {"pair"}});
  join(worker, {"pair"}, 2);
  ASSERT_TRUE(worker.wait_messages(2));
  join(other, {"pair"}, 1);
  EXPECT_TRUE(worker.wait_announced<WorkDrained>(
      [](const auto& m) { return m.phase == "label" && m.issued == 2; }));
  EXPECT_TRUE(other.wait_announced<WorkDrained>([](const auto& m) { return m.issued == 1; }));
  // What comes back is issued and announced anew.
  worker.close();
  other.grant(2);
  EXPECT_TRUE(other.wait_announced<WorkDrained>([](const auto& m) { return m.issued == 3; }));
}

// eta = 1, B = 2: at version v at most (1 + v + 1) * 2 trajectories are in flight, buffered or
// consumed.
class GatedPromptSource : public PromptSource {
 protected:
  void start_gated(int64_t count, int64_t version = 0) {
    start({.phase = "rl",
           .items = items(count),
           .required = {"rollout"},
           .settled_by_training = {"rollout"},
           .gated = true,
           .gate = {.batch_size = 2, .max_staleness = 1},
           .version = version});
    join(worker, {"rollout"}, 10);
  }
  // All that were ever leased and not given back: in flight, handed over and trained.
  int64_t admitted() {
    const auto now = report();
    return now.leased + now.done;
  }
};

TEST_F(GatedPromptSource, NeverRunsFurtherAheadOfTrainingThanTheStalenessBound) {
  start_gated(20);
  ASSERT_TRUE(worker.wait_messages(4));  // (1 + 0 + 1) * 2 = 4 in flight
  EXPECT_EQ(admitted(), 4);
  worker.acknowledge(0);
  worker.acknowledge(1);
  EXPECT_TRUE(leased(2));
  EXPECT_EQ(admitted(), 4);  // 2 in flight + 2 buffered + 0 consumed = 4
  commit("trained", "policy", {1, 2}, 1);
  ASSERT_TRUE(
      worker.wait_messages(6));  // (1 + 1 + 1) * 2 = 6 = 4 in flight + 0 buffered + 2 consumed
  EXPECT_EQ(report().version, 1);
  EXPECT_EQ(admitted(), 6);
  // The first four may be begun with version 0, the next two are trained from version 2.
  EXPECT_EQ(worker.received<WorkItem>()[3].min_version, 0);
  EXPECT_EQ(worker.received<WorkItem>()[5].min_version, 1);
  for (size_t i = 2; i < 6; ++i) worker.acknowledge(i);
  EXPECT_TRUE(leased(0));
  EXPECT_EQ(admitted(), 6);  // 0 in flight + 4 buffered + 2 consumed = 6
  commit("trained", "policy", {3, 4}, 2);
  ASSERT_TRUE(
      worker.wait_messages(8));  // (1 + 2 + 1) * 2 = 8 = 2 in flight + 2 buffered + 4 consumed
  EXPECT_EQ(admitted(), 8);
}

TEST_F(GatedPromptSource, StartsFromTheVersionItIsRestoredTo) {
  start_gated(20, 3);
  ASSERT_TRUE(worker.wait_messages(4));  // (1 + 3 + 1) * 2 = 10, of which consumed := 3 * 2 = 6
  EXPECT_EQ(report().version, 3);
  EXPECT_EQ(admitted(), 4);
}

TEST_F(GatedPromptSource, ATrainingCommittedBeforeTheHandOverArrivesTakesNoSlotTwice) {
  start_gated(20);
  ASSERT_TRUE(worker.wait_messages(4));
  commit("trained", "policy", {1, 2}, 1);
  ASSERT_TRUE(worker.wait_messages(6));  // 6 = 4 in flight + 2 consumed
  worker.acknowledge(0);                 // the late hand-overs change nothing
  worker.acknowledge(1);
  commit("trained", "policy", {3, 4}, 2);
  ASSERT_TRUE(worker.wait_messages(8));
  EXPECT_EQ(admitted(), 8);
}

TEST_F(GatedPromptSource, AReturnedTrajectoryGivesItsSlotBackAndItsPromptIsLeasedAgain) {
  start_gated(20);
  ASSERT_TRUE(worker.wait_messages(4));
  worker.acknowledge(0);
  EXPECT_TRUE(leased(3));
  commit("returned", "", {1});
  ASSERT_TRUE(worker.wait_messages(5));
  EXPECT_EQ(ids(worker)[4], 1);
  EXPECT_EQ(worker.received<WorkItem>()[4].attempt, 1);  // no failure of the worker
  EXPECT_EQ(admitted(), 4);
}

TEST_F(GatedPromptSource, AReturnThatOvertakesTheHandOverGivesTheSlotBackToo) {
  start_gated(20);
  ASSERT_TRUE(worker.wait_messages(4));
  commit("returned", "", {1});  // before the worker's acknowledgement of 1
  ASSERT_TRUE(worker.wait_messages(5));
  EXPECT_EQ(ids(worker)[4], 1);
  worker.acknowledge(0);  // of the first lease: void
  for (size_t i = 1; i < 5; ++i) worker.acknowledge(i);
  EXPECT_TRUE(leased(0));
  EXPECT_EQ(admitted(), 4);  // 4 buffered
  commit("trained", "policy", {1, 2}, 1);
  ASSERT_TRUE(worker.wait_messages(7));  // 5 + 2: 2 in flight + 2 buffered + 2 consumed = 6
  EXPECT_EQ(admitted(), 6);
}

TEST_F(GatedPromptSource, AQuarantinedTrajectoryGivesItsSlotBackBufferedOrNot) {
  start_gated(20);
  ASSERT_TRUE(worker.wait_messages(4));
  worker.acknowledge(0);
  EXPECT_TRUE(leased(3));
  commit("quarantined", "", {1});  // buffered
  commit("quarantined", "", {2});  // in flight
  ASSERT_TRUE(worker.wait_messages(6));
  EXPECT_EQ(report().quarantined, 2);
  EXPECT_EQ(admitted(), 4);
}

TEST_F(GatedPromptSource, ALostWorkerGivesItsSlotsBack) {
  start_gated(20);
  ASSERT_TRUE(worker.wait_messages(4));
  worker.acknowledge(3);
  EXPECT_TRUE(leased(3));
  worker.close();
  join(other, {"rollout"}, 10);
  ASSERT_TRUE(other.wait_messages(3));  // 3 in flight + 1 buffered = 4
  EXPECT_EQ(ids(other), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(admitted(), 4);
}

}  // namespace
}  // namespace charter::actors
