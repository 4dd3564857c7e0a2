#include "actors/phase_run.hpp"

#include <stdexcept>
#include <utility>

#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

namespace fs = std::filesystem;

class RunTest : public ActorTest {
 protected:
  RunTest() {
    options.stopping = [this] { return on_look(); };
    options.notices = [this] { return std::exchange(happened, {}); };
    view.event = [this](const std::string& event) { told.push_back(event); };
  }

  store::TempDir directory;
  fs::path path = directory.path() / "ledger.sqlite";
  std::shared_ptr<store::Ledger> ledger =
      std::make_shared<store::Ledger>(store::Ledger::open(path, "test"));
  // Called whenever the run looks whether it is to stop: the test's clock.
  std::function<bool()> on_look = [] { return false; };
  std::vector<std::string> happened, told;
  PipelineOptions options;
  PipelineView view;
  actors::Run run{system, ledger, options, view};
};

TEST_F(RunTest, WaitsForALedgerThatIsAway) {
  const auto aside = directory.path() / "aside";
  fs::rename(path, aside);
  int looks = 0, done = 0;
  on_look = [&] {
    if (++looks == 2) fs::rename(aside, path);
    return false;
  };
  with_ledger(run, [&] { ++done; });
  EXPECT_EQ(done, 1);
  const std::string what = "ledger " + path.string() + ": No such file or directory";
  EXPECT_EQ(told, (std::vector<std::string>{"waiting: " + what, what + "; passed"}));
}

TEST_F(RunTest, TriesAgainWhatTheLedgerCouldNotDo) {
  int tries = 0;
  with_ledger(run, [&] {
    if (++tries < 3) throw store::LedgerError("ledger: the disk is full " + std::to_string(tries));
  });
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(told, (std::vector<std::string>{"waiting: ledger: the disk is full 1",
                                            "ledger: the disk is full 1; passed"}));
}

TEST_F(RunTest, ARunThatIsToStopDoesNotWait) {
  fs::rename(path, directory.path() / "aside");
  on_look = [] { return true; };
  int done = 0;
  try {
    with_ledger(run, [&] { ++done; });
    FAIL() << "expected an error";
  } catch (const store::LedgerError& error) {
    EXPECT_EQ(error.what(), "ledger " + path.string() + ": No such file or directory");
  }
  EXPECT_EQ(done, 0);
}

TEST_F(RunTest, OtherExceptionsAreNotTriedAgain) {
  int tries = 0;
  EXPECT_THROW(with_ledger(run,
                           [&] {
                             ++tries;
                             throw std::runtime_error("no such model");
                           }),
               std::runtime_error);
  EXPECT_EQ(tries, 1);
}

TEST_F(RunTest, WhatTheViewThrowsIsCountedAndToldOnce) {
  view.event = [](const std::string&) { throw std::runtime_error("no terminal"); };
  run.tell("one");
  run.tell("two");
  EXPECT_EQ(run.display.failures(), 2);
  record_notices(run);
  const auto events = ledger->events(10);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].text, "the display failed 1 time: no terminal");
}

TEST_F(RunTest, WhatHappenedToTheProcessIsToldAndRecorded) {
  happened = {"SIGHUP: without effect"};
  EXPECT_FALSE(run.stopping());
  EXPECT_FALSE(run.stopping());
  EXPECT_EQ(told, std::vector<std::string>{"SIGHUP: without effect"});
  record_notices(run);
  record_notices(run);
  const auto events = ledger->events(10);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].level, "info");
  EXPECT_EQ(events[0].text, "SIGHUP: without effect");
}

TEST_F(RunTest, APauseEndsWhenTheRunIsToStop) {
  int looks = 0;
  on_look = [&] { return ++looks == 2; };
  run.pause(std::chrono::hours(1));
  EXPECT_EQ(looks, 2);
}

}  // namespace
}  // namespace charter::actors
