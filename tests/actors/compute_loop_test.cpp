#include "actors/compute_loop.hpp"

#include "tests/actors/fixture.hpp"

namespace charter::actors {
namespace {

struct Work {
  static constexpr const char* name = "worker";
  ComputeLoop loop;
  int64_t slices = 0;  // left
  int64_t ticks = 0;
};
using Worker = RoleActor<>;

// Takes the event's number as that many slices of 10 tokens read and 1 generated.
Worker::behavior_type worker(Worker::stateful_pointer<Work> self, metrics::StageMetrics stage) {
  self->state.loop = ComputeLoop("worker/3", 1, stage);
  return {
      [self](const LinkEvent& event) {
        self->state.slices += event.number;
        self->state.loop.wake(self);
        self->state.loop.wake(self);
      },
      [self](Tick) {
        auto& s = self->state;
        ++s.ticks;
        s.loop.tick(self, [&] {
          if (s.slices == 0) return false;
          --s.slices;
          s.loop.count_read(10);
          s.loop.count_generated(1);
          return true;
        });
      },
      [self](const FinishRole&) { self->quit(); },
      [self](Probe) {
        auto& s = self->state;
        return s.loop.report(s.loop.read(), std::to_string(s.ticks) + " ticks");
      },
  };
}

class ComputeLoopTest : public ActorTest {
 protected:
  void TearDown() override { finish(actor); }
  void work(int64_t slices) { caf::anon_send(actor, LinkEvent{.number = slices}); }
  bool reads(int64_t tokens) {
    return eventually([&] { return probe(actor).tokens == tokens; });
  }

  metrics::StageMetrics stage = metrics::StageMetrics::make(registry, {}, "rollout");
  Worker actor = system.spawn(worker, stage);
};

TEST_F(ComputeLoopTest, GoesOnUntilASliceFindsNothing) {
  work(3);
  ASSERT_TRUE(reads(30));
  // The fourth tick found nothing. The second wake of the two sent none.
  EXPECT_TRUE(eventually([&] { return probe(actor).state == "4 ticks"; }));
  const auto report = probe(actor);
  EXPECT_EQ(report.name, "worker/3");
  EXPECT_EQ(report.progress, 3);
  EXPECT_EQ(stage.prompt_tokens.Value(), 30);
  EXPECT_EQ(stage.generated_tokens.Value(), 3);
}

TEST_F(ComputeLoopTest, CanBeWokenAgain) {
  work(1);
  ASSERT_TRUE(eventually([&] { return probe(actor).state == "2 ticks"; }));
  work(2);
  ASSERT_TRUE(reads(30));
  EXPECT_TRUE(eventually([&] { return probe(actor).state == "5 ticks"; }));
  EXPECT_EQ(probe(actor).progress, 3);
}

TEST_F(ComputeLoopTest, AccountsForAllOfItsTime) {
  work(2);
  ASSERT_TRUE(eventually([&] { return probe(actor).state == "3 ticks"; }));
  EXPECT_GT(stage.busy_seconds.Value(), 0);
  const double before = stage.wait_in_seconds.Value();
  probe(actor);  // brings the clock up to now
  EXPECT_GT(stage.wait_in_seconds.Value(), before);
}

}  // namespace
}  // namespace charter::actors
