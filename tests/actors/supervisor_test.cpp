// The supervisor of a phase whose workers are programs of the test: they never join.
#include "actors/supervisor.hpp"

#include <fstream>

#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

namespace fs = std::filesystem;

class SupervisorTest : public ActorTest {
 protected:
  void SetUp() override { fs::create_directories(run / "logs"); }

  // The phase sl_generate, with one item to do and one worker process, which runs this text.
  SupervisorOptions options(const std::string& script, int32_t max_restarts) {
    const auto program = directory.path() / "worker.sh";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(program, fs::perms::owner_all);
    SupervisorOptions o;
    o.context.paths = {run};
    o.context.config.machine.max_restarts = max_restarts;
    o.context.wiring = wiring();
    o.context.registry = std::make_shared<prometheus::Registry>();
    o.phase = find_phase(o.context.config, "sl_generate");
    o.ledger = std::make_shared<store::Ledger>(
        store::Ledger::open(directory.path() / "ledger.sqlite", "test"));
    o.source.phase = o.phase.name;
    o.source.items = {{.work_id = 1, .kind = o.phase.rollout_kinds.at(0), .payload = "{}"}};
    o.source.required = o.phase.required;
    o.binary = program.string();
    return o;
  }
  // Its status once its phase has ended. stop: asks for the end.
  PhaseStatus outcome(SupervisorOptions o, bool stop = false) {
    caf::scoped_actor self(system);
    auto actor = system.spawn<caf::detached>(supervisor, std::move(o));
    if (stop) self->send(actor, StopPhase{});
    PhaseStatus status;
    EXPECT_TRUE(eventually([&] {
      self->request(actor, kDeadline, StatusRequest{})
          .receive([&](PhaseStatus& now) { status = std::move(now); },
                   [](const caf::error& e) { ADD_FAILURE() << to_string(e); });
      return status.state != PhaseStatus::State::kRunning || testing::Test::HasFailure();
    }));
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->wait_for(actor);
    return status;
  }

  store::TempDir directory;
  fs::path run = directory.path() / "run";
};

TEST_F(SupervisorTest, QuotesTheLastLineOfAWorkerThatDiesBeforeItJoins) {
  const auto status = outcome(options("echo first; echo no port left >&2; exit 1", 1));
  EXPECT_EQ(status.state, PhaseStatus::State::kFailed);
  EXPECT_EQ(status.reason,
            "engine ended (exit code 1); its log ends: no port left; more than 1 restarts in ten "
            "minutes (machine.max_restarts)");
  ASSERT_EQ(status.events.size(), 2u);
  EXPECT_EQ(status.events[0], "engine ended (exit code 1); its log ends: no port left; restarted");
  EXPECT_EQ(status.events[1], status.reason);
}

TEST_F(SupervisorTest, QuotesOnlyTheProcessThatEnded) {
  std::ofstream(run / "logs/engine.log") << "of an earlier process\n";
  EXPECT_EQ(outcome(options("exit 3", 0)).reason,
            "engine ended (exit code 3); more than 0 restarts in ten minutes "
            "(machine.max_restarts)");
}

TEST_F(SupervisorTest, NamesTheFirstCauseWhereTheLastIsAnother) {
  const auto count = (directory.path() / "count").string();
  const auto status =
      outcome(options("if [ -e " + count + " ]; then exit 4; fi; touch " + count + "; exit 3", 1));
  EXPECT_EQ(status.reason,
            "engine ended (exit code 3); more than 1 restarts in ten minutes "
            "(machine.max_restarts); the last after: engine ended (exit code 4)");
}

TEST_F(SupervisorTest, AWorkerThatCannotBeStartedIsOneThatEnded) {
  fs::remove_all(run / "logs");
  const auto status = outcome(options("exit 0", 0));
  EXPECT_EQ(status.state, PhaseStatus::State::kFailed);
  EXPECT_EQ(status.reason,
            "engine ended (not started): " + (run / "logs/engine.log").string() +
                ": No such file or directory; expected a writable log file; more than 0 restarts "
                "in ten minutes (machine.max_restarts)");
}

// It would otherwise be waited for as long as a trainer may take to write its checkpoint.
TEST_F(SupervisorTest, AStopDoesNotWaitForAProcessThatHasNotJoined) {
  const auto status = outcome(options("exec sleep 600", 0), /*stop=*/true);
  EXPECT_EQ(status.state, PhaseStatus::State::kStopped);
  EXPECT_EQ(status.reason, "");
}

}  // namespace
}  // namespace charter::actors
