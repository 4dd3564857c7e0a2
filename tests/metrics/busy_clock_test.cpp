#include "metrics/busy_clock.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::metrics {
namespace {

using namespace std::chrono_literals;

const BusyClock::TimePoint kStart{1000s};

TEST(BusyClock, FourStatesAddUpToAllElapsedTime) {
  prometheus::Registry registry;
  const auto metrics = StageMetrics::make(registry, {{"run", "r"}, {"actor", "a"}}, "rollout");
  BusyClock clock(metrics, kStart);
  clock.enter(StageState::kBusy, kStart + 2s);        // wait_in 0 .. 2
  clock.enter(StageState::kWaitOut, kStart + 5s);     // busy 2 .. 5
  clock.enter(StageState::kPaused, kStart + 5500ms);  // wait_out 5 .. 5.5
  clock.enter(StageState::kBusy, kStart + 9500ms);    // paused 5.5 .. 9.5
  clock.flush(kStart + 10s);                          // busy 9.5 .. 10
  EXPECT_DOUBLE_EQ(clock.total(StageState::kWaitIn).count(), 2.0);
  EXPECT_DOUBLE_EQ(clock.total(StageState::kBusy).count(), 3.5);  // 3 + 0.5
  EXPECT_DOUBLE_EQ(clock.total(StageState::kWaitOut).count(), 0.5);
  EXPECT_DOUBLE_EQ(clock.total(StageState::kPaused).count(), 4.0);
  EXPECT_DOUBLE_EQ(metrics.busy_seconds.Value() + metrics.wait_in_seconds.Value() +
                       metrics.wait_out_seconds.Value() + metrics.paused_seconds.Value(),
                   10.0);
}

TEST(BusyClock, FlushCountsTheStateThatGoesOn) {
  prometheus::Registry registry;
  const auto metrics = StageMetrics::make(registry, {}, "ppo");
  BusyClock clock(metrics, kStart, StageState::kWaitIn);
  clock.flush(kStart + 30s);
  EXPECT_DOUBLE_EQ(metrics.wait_in_seconds.Value(), 30.0);
  EXPECT_EQ(clock.state(), StageState::kWaitIn);
}

TEST(BusyClock, EnteringTheSameStateTwiceCountsOnce) {
  prometheus::Registry registry;
  const auto metrics = StageMetrics::make(registry, {}, "ppo");
  BusyClock clock(metrics, kStart, StageState::kBusy);
  clock.enter(StageState::kBusy, kStart + 1s);
  clock.enter(StageState::kBusy, kStart + 1s);
  clock.enter(StageState::kWaitIn, kStart + 3s);
  EXPECT_DOUBLE_EQ(metrics.busy_seconds.Value(), 3.0);
}

TEST(BusyClock, RefusesTimeThatRunsBackwards) {
  prometheus::Registry registry;
  BusyClock clock(StageMetrics::make(registry, {}, "ppo"), kStart);
  EXPECT_THROW(clock.enter(StageState::kBusy, kStart - 1s), std::invalid_argument);
}

TEST(BusyClock, SuccessorOfARestartedActorGoesOnCounting) {
  prometheus::Registry registry;
  for (int life = 0; life < 2; ++life) {
    const auto metrics = StageMetrics::make(registry, {{"actor", "a"}}, "ppo");
    BusyClock clock(metrics, kStart, StageState::kBusy);
    clock.flush(kStart + 4s);
  }
  EXPECT_DOUBLE_EQ(StageMetrics::make(registry, {{"actor", "a"}}, "ppo").busy_seconds.Value(), 8.0);
}

}  // namespace
}  // namespace charter::metrics
