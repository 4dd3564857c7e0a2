#include "store/ledger.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <fstream>
#include <functional>

#include "tests/store/temp_dir.hpp"

namespace charter::store {
namespace {

class LedgerTest : public testing::Test {
 protected:
  std::vector<WorkItem> items(int count, const std::string& kind = "rollout") {
    std::vector<WorkItem> made;
    for (int i = 0; i < count; ++i) made.push_back({"rl", kind, "p" + std::to_string(i), 0, "{}"});
    return made;
  }
  TempDir dir;
  std::filesystem::path path = dir.path() / "ledger.sqlite";
  Ledger ledger = Ledger::open(path, "run-1");
};

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const LedgerError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(LedgerTest, AddingWorkTwiceAddsItOnce) {
  EXPECT_EQ(ledger.add_work(items(3)), 3u);
  EXPECT_EQ(ledger.add_work(items(5)), 2u);
  WorkItem again = items(1)[0];
  again.repeat = 1;
  EXPECT_EQ(ledger.add_work(std::span(&again, 1)), 1u);
  EXPECT_EQ(ledger.count_by_state("rl").pending, 6);
  EXPECT_EQ(ledger.count_by_state("eval").total(), 0);
}

// Three of six rollouts are there under other ids: three more are taken. Pairs are there already.
TEST_F(LedgerTest, FillingAddsNoMoreOfAKindThanAreAskedFor) {
  std::vector<WorkItem> others = items(3);
  for (WorkItem& item : others) item.prompt_id += "-old";
  ledger.add_work(others);
  ledger.add_work(items(2, "pair"));
  std::vector<WorkItem> wanted = items(6);
  for (const WorkItem& pair : items(2, "pair")) wanted.push_back(pair);
  EXPECT_EQ(ledger.fill_work(wanted), 3u);
  EXPECT_EQ(ledger.count_by_state("rl", "rollout").pending, 6);
  EXPECT_EQ(ledger.count_by_state("rl", "pair").pending, 2);
  EXPECT_EQ(ledger.fill_work(wanted), 0u);
  EXPECT_EQ(ledger.fill_work(items(2)), 0u);  // fewer are wanted: what is there stays
  EXPECT_EQ(ledger.fill_work(items(8)), 2u);  // p0..p2 are there, p3 and p4 are not
  EXPECT_EQ(ledger.count_by_state("rl", "rollout").pending, 8);
}

TEST_F(LedgerTest, EveryItemOfAStageIsStreamedWhateverItsState) {
  ledger.add_work(items(300));
  ledger.quarantine(7, "a reason");
  std::vector<int64_t> ids;
  ledger.for_each_work("rl", [&](const WorkRow& row) {
    ids.push_back(row.id);
    return row.id < 290;
  });
  ASSERT_EQ(ids.size(), 290u);
  EXPECT_EQ(ids[6], 7);
  ledger.for_each_work("eval", [](const WorkRow&) -> bool { throw std::logic_error("none"); });
}

TEST_F(LedgerTest, PendingComesInOrderByKindLimitAndPosition) {
  ledger.add_work(items(3));
  ledger.add_work(items(2, "pair"));
  const std::vector<std::string> rollout{"rollout"};
  auto rows = ledger.pending("rl", rollout, 2);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].item.prompt_id, "p0");
  EXPECT_EQ(rows[1].item.prompt_id, "p1");
  rows = ledger.pending("rl", {}, 10, rows[1].id);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].item.prompt_id, "p2");
  EXPECT_EQ(rows[1].item.kind, "pair");
}

TEST_F(LedgerTest, ARecordIsKeptOnceAndMovesTheItemOn) {
  ledger.add_work(items(1));
  EXPECT_TRUE(ledger.record({1, "trajectory", std::string("\0bytes", 6), 2, 7}));
  EXPECT_FALSE(ledger.record({1, "trajectory", "another", 2, 8}));
  EXPECT_TRUE(ledger.record({1, "score", "0.5", 2, 7}));
  EXPECT_EQ(ledger.count_by_state("rl").recorded, 1);
  EXPECT_EQ(ledger.find(1)->state, WorkState::kRecorded);
  std::vector<std::string> seen;
  ledger.for_each_record("rl", "trajectory", [&](const RecordRow& row) {
    seen.push_back(row.record.body);
    EXPECT_EQ(row.record.lineage, 2);
    EXPECT_EQ(row.record.version, 7);
    EXPECT_EQ(row.item.prompt_id, "p0");
    EXPECT_GT(row.created, 1.6e9);
    return true;
  });
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0], std::string("\0bytes", 6));
  EXPECT_THROW(ledger.record({99, "trajectory", "", 0, 0}), std::invalid_argument);
}

TEST_F(LedgerTest, ReadingRecordsCrossesPagesAndMayStop) {
  ledger.add_work(items(300));
  ledger.batch([&] {
    for (int64_t id = 1; id <= 300; ++id) {
      ledger.record({id, "a", std::to_string(id), 0, 0});
      ledger.record({id, "b", "", 0, 0});
    }
  });
  int64_t all = 0, expected = 0;
  ledger.for_each_record("rl", "", [&](const RecordRow&) { return ++all > 0; });
  EXPECT_EQ(all, 600);
  ledger.for_each_record("rl", "a", [&](const RecordRow& row) {
    EXPECT_EQ(row.record.work_id, ++expected);
    EXPECT_TRUE(ledger.find(row.record.work_id));  // the ledger may be used from within
    return expected < 200;
  });
  EXPECT_EQ(expected, 200);
}

TEST_F(LedgerTest, QuarantineIsTerminal) {
  ledger.add_work(items(2));
  ledger.quarantine(1, "2 failed leases");
  EXPECT_FALSE(ledger.record({1, "trajectory", "late", 0, 0}));
  EXPECT_EQ(ledger.find(1)->reason, "2 failed leases");
  EXPECT_EQ(ledger.count_by_state("rl").quarantined, 1);
  ASSERT_EQ(ledger.pending("rl", {}, 10).size(), 1u);
  ledger.record({2, "trajectory", "", 0, 0});
  ledger.quarantine(2, "too late");  // recorded: the result stands
  EXPECT_EQ(ledger.find(2)->state, WorkState::kRecorded);
}

// Items 1..6 are trained at versions 1..6 of lineage 0. The checkpoint is at 4: 5 and 6 are undone.
TEST_F(LedgerTest, RestoringReopensWhatTheCheckpointHasNotSeen) {
  ledger.add_work(items(6));
  for (int64_t id = 1; id <= 6; ++id) {
    ledger.record({id, "trajectory", "", 0, id - 1});
    ledger.mark_trained("policy", 0, id, std::span(&id, 1));
  }
  EXPECT_EQ(ledger.count_by_state("rl").trained, 6);
  EXPECT_EQ(ledger.restore_to("policy", 0, 4), 2u);
  EXPECT_EQ(ledger.raise_lineage(), 1);
  EXPECT_EQ(ledger.lineage(), 1);
  const auto rows = ledger.pending("rl", {}, 10);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].id, 5);
  EXPECT_TRUE(ledger.record({5, "trajectory", "made again", 1, 4}));
  int64_t records = 0;
  ledger.for_each_record("rl", "", [&](const RecordRow&) { return ++records > 0; });
  EXPECT_EQ(records, 5);
}

// Lineage 1 forks from (0, 4) and trains items 5, 6 at versions 5, 6. Going back to (0, 3) abandons
// lineage 1 and version 4 of lineage 0: items 4, 5 and 6 are undone.
TEST_F(LedgerTest, RestoringToAnOlderLineageAbandonsTheLaterOne) {
  ledger.add_work(items(6));
  for (int64_t id = 1; id <= 6; ++id) {
    ledger.mark_trained("policy", id > 4 ? 1 : 0, id, std::span(&id, 1));
  }
  EXPECT_EQ(ledger.restore_to("policy", 1, 6), 0u);
  EXPECT_EQ(ledger.restore_to("policy", 0, 3), 3u);
  EXPECT_EQ(ledger.pending("rl", {}, 10)[0].id, 4);
}

TEST_F(LedgerTest, RestoringOneModelLeavesTheOthersTraining) {
  ledger.add_work(items(1));
  const int64_t id = 1;
  ledger.record({1, "preference", "kept", 0, 0});
  ledger.mark_trained("pm", 0, 9, std::span(&id, 1));
  ledger.mark_trained("policy", 0, 9, std::span(&id, 1));
  EXPECT_EQ(ledger.restore_to("policy", 0, 1), 0u);
  EXPECT_EQ(ledger.find(1)->state, WorkState::kTrained);
  EXPECT_EQ(ledger.restore_to("pm", 0, 1, Reopen::kRecorded), 1u);
  EXPECT_EQ(ledger.find(1)->state, WorkState::kRecorded);
  EXPECT_FALSE(ledger.record({1, "preference", "again", 0, 0}));
}

TEST_F(LedgerTest, WhatWasTrainedBeforeItsRecordCameIsPendingAgain) {
  ledger.add_work(items(1));
  const int64_t id = 1;
  ledger.mark_trained("pm", 0, 9, std::span(&id, 1));
  EXPECT_EQ(ledger.restore_to("pm", 0, 1, Reopen::kRecorded), 1u);
  EXPECT_EQ(ledger.find(1)->state, WorkState::kPending);
  EXPECT_TRUE(ledger.record({1, "preference", "late", 0, 0}));
}

TEST_F(LedgerTest, ABatchIsAllOrNothing) {
  ledger.add_work(items(2));
  EXPECT_THROW(ledger.batch([&] {
    ledger.record({1, "trajectory", "", 0, 0});
    const int64_t unknown = 77;
    ledger.mark_trained("policy", 0, 1, std::span(&unknown, 1));
  }),
               std::invalid_argument);
  EXPECT_EQ(ledger.count_by_state("rl").pending, 2);
  ledger.batch([&] { ledger.batch([&] { ledger.record({1, "trajectory", "", 0, 0}); }); });
  EXPECT_EQ(ledger.count_by_state("rl").recorded, 1);
}

TEST_F(LedgerTest, StagesEventsAndVersionsAreWhatWasSaid) {
  ledger.set_stage({.name = "sl_generate", .state = StageState::kRunning, .planned_seconds = 60});
  ledger.set_stage({.name = "pm_train", .state = StageState::kSkipped, .reason = "no data"});
  ledger.set_stage({.name = "sl_generate",
                    .state = StageState::kDone,
                    .spent_seconds = 71.5,
                    .detail = "{\"items\":4}"});
  ASSERT_EQ(ledger.stages().size(), 2u);
  EXPECT_EQ(ledger.stages()[0].name, "sl_generate");
  EXPECT_EQ(ledger.stage("sl_generate")->state, StageState::kDone);
  EXPECT_EQ(ledger.stage("sl_generate")->spent_seconds, 71.5);
  EXPECT_EQ(ledger.stage("pm_train")->reason, "no data");
  EXPECT_FALSE(ledger.stage("rl"));
  for (const char* text : {"one", "two", "three"}) ledger.add_event("info", text);
  const auto events = ledger.events(2);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].text, "two");
  EXPECT_EQ(events[1].text, "three");
  ledger.add_version({"pm", 0, 2, "weights/pm-2", "{}"});
  ledger.add_version({"pm", 0, 1, "weights/pm-1", "{}"});
  ASSERT_EQ(ledger.versions("pm").size(), 2u);
  EXPECT_EQ(ledger.versions("pm")[1].path, "weights/pm-2");
}

TEST_F(LedgerTest, AReaderSeesALiveRunAndCannotWrite) {
  ledger.add_work(items(2));
  Ledger reader = Ledger::open_read_only(path);
  EXPECT_EQ(reader.count_by_state("rl").pending, 2);
  ledger.record({1, "trajectory", "", 0, 0});
  EXPECT_EQ(reader.count_by_state("rl").recorded, 1);
  EXPECT_NE(error_of([&] { reader.set_meta("a", "b"); }).find("readonly"), std::string::npos);
}

TEST_F(LedgerTest, ThereIsOneWriter) {
  EXPECT_EQ(error_of([&] { (void)Ledger::open(path, "run-1"); }),
            "ledger " + path.string() + ": another process is writing it");
}

TEST_F(LedgerTest, TheLockIsTakenBeforeTheDatabaseExistsAndKeptByIt) {
  const auto other = dir.path() / "other.sqlite";
  EXPECT_FALSE(has_writer(other));
  {
    auto lock = WriterLock::of(other);
    EXPECT_FALSE(std::filesystem::exists(other));
    EXPECT_TRUE(has_writer(other));
    EXPECT_NE(error_of([&] { (void)WriterLock::of(other); }).find("another process is writing it"),
              std::string::npos);
    const Ledger opened = Ledger::open(other, "run-1", std::move(lock));
    EXPECT_TRUE(has_writer(other));
  }
  EXPECT_FALSE(has_writer(other));
}

TEST_F(LedgerTest, LastActivityIsThatOfTheNewestRecordOrVersion) {
  EXPECT_EQ(ledger.last_activity(), 0);
  ledger.add_work(items(1));
  ledger.add_event("info", "resumed");  // says nothing of work done
  EXPECT_EQ(ledger.last_activity(), 0);
  ledger.record({1, "trajectory", "", 0, 0});
  const double recorded = ledger.last_activity();
  EXPECT_NEAR(recorded, static_cast<double>(std::time(nullptr)), 60);
  ledger.add_version({.model = "policy", .lineage = 1, .version = 1});
  EXPECT_GE(ledger.last_activity(), recorded);
}

TEST_F(LedgerTest, OpeningChecksRunAndSchema) {
  ledger.add_work(items(2));
  { const Ledger closed = std::move(ledger); }
  EXPECT_EQ(error_of([&] { (void)Ledger::open(path, "run-2"); }),
            "ledger " + path.string() + ": run id is run-1, expected run-2");
  ledger = Ledger::open(path, "run-1");
  EXPECT_EQ(ledger.count_by_state("rl").pending, 2);
  ledger.set_meta("schema", "99");
  { const Ledger closed = std::move(ledger); }
  EXPECT_EQ(error_of([&] { (void)Ledger::open(path, "run-1"); }),
            "ledger " + path.string() + ": schema version is 99, expected 1");
}

TEST_F(LedgerTest, DamageAndAbsenceAreOneLine) {
  EXPECT_NE(error_of([&] {
              (void)Ledger::open(dir.path() / "no" / "l.sqlite", "r");
            }).find("its directory does not exist"),
            std::string::npos);
  EXPECT_NE(
      error_of([&] { (void)Ledger::open_read_only(dir.path() / "none"); }).find("no such file"),
      std::string::npos);
  const auto noise = dir.path() / "noise.sqlite";
  std::ofstream(noise) << std::string(8192, 'x');
  EXPECT_NE(error_of([&] { (void)Ledger::open(noise, "r"); }).find("not a database"),
            std::string::npos);

  ledger.add_work(items(2000));
  { const Ledger closed = std::move(ledger); }  // checkpoints the log into the file
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 8; page < 40; ++page) {
      file.seekp(page * 4096);
      file << std::string(512, '\x7f');
    }
  }
  const std::string text = error_of([&] { (void)Ledger::open(path, "run-1"); });
  EXPECT_TRUE(text.find("damaged") != std::string::npos ||
              text.find("malformed") != std::string::npos)
      << text;
}

// What was committed before a kill is there, what was in an open batch is not.
TEST_F(LedgerTest, AKillLosesOnlyTheOpenBatch) {
  { const Ledger closed = std::move(ledger); }
  const pid_t child = ::fork();
  if (child == 0) {
    Ledger mine = Ledger::open(path, "run-1");
    mine.add_work(items(10));
    mine.batch([&] { mine.record({1, "trajectory", "", 0, 0}); });
    mine.batch([&] {
      mine.record({2, "trajectory", "", 0, 0});
      ::kill(::getpid(), SIGKILL);
    });
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ledger = Ledger::open(path, "run-1");
  EXPECT_EQ(ledger.count_by_state("rl").pending, 9);
  EXPECT_EQ(ledger.count_by_state("rl").recorded, 1);
}

}  // namespace
}  // namespace charter::store
