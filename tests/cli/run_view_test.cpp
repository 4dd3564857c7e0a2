#include "cli/run_view.hpp"

#include <gtest/gtest.h>

namespace charter::cli {
namespace {

using std::chrono::seconds;

actors::PhaseStatus status(int64_t rollout_progress, int64_t done = 0) {
  actors::PhaseStatus s;
  s.source.done = done;
  s.roles["reward/0"] = {.name = "reward/0", .progress = 4, .state = "1 queued"};
  s.roles["rollout/0"] = {
      .name = "rollout/0", .progress = rollout_progress, .state = "3 jobs, 2 to reward"};
  return s;
}

TEST(Standstill, IsToldOnceForEachLimitWithoutProgress) {
  Standstill standstill(seconds(60));
  const Standstill::Time start{};
  standstill.begin(start);
  EXPECT_FALSE(standstill.look(status(1), start));
  EXPECT_FALSE(standstill.look(status(1), start + seconds(59)));
  EXPECT_TRUE(standstill.look(status(1), start + seconds(60)));
  EXPECT_FALSE(standstill.look(status(1), start + seconds(61)));
  EXPECT_TRUE(standstill.look(status(1), start + seconds(120)));
}

TEST(Standstill, AnyActorsProgressAndAnyResultIsProgress) {
  Standstill standstill(seconds(60));
  const Standstill::Time start{};
  standstill.begin(start);
  EXPECT_FALSE(standstill.look(status(1), start));
  EXPECT_FALSE(standstill.look(status(2), start + seconds(60)));
  EXPECT_FALSE(standstill.look(status(2, 1), start + seconds(120)));
  EXPECT_FALSE(standstill.look(status(2, 1), start + seconds(179)));
  EXPECT_TRUE(standstill.look(status(2, 1), start + seconds(180)));
}

TEST(TokenRate, IsOfTheLastSecondsAndInTheEndOfTheWholePhase) {
  TokenRate rate;
  const TokenRate::Time start{};
  rate.begin(start);
  rate.look(0, start);
  rate.look(100, start + seconds(1));
  EXPECT_EQ(rate.recent(), 0);  // less than two seconds measure nothing
  rate.look(400, start + seconds(4));
  EXPECT_EQ(rate.recent(), 100);
  // The actors ended: they report nothing more, and what they made stays.
  rate.look(0, start + seconds(8));
  EXPECT_EQ(rate.recent(), 0);
  EXPECT_EQ(rate.mean(start + seconds(8)), 50);
  // One that begins anew counts from 0.
  rate.look(80, start + seconds(10));
  EXPECT_EQ(rate.recent(), 40);
  EXPECT_EQ(rate.mean(start + seconds(10)), 48);
  rate.begin(start + seconds(10));
  EXPECT_EQ(rate.mean(start + seconds(10)), 0);
}

TEST(WhoWaits, NamesEveryActorWithWhatItSaysOfItself) {
  EXPECT_EQ(who_waits(status(1)), "reward/0 (1 queued), rollout/0 (3 jobs, 2 to reward)");
  EXPECT_EQ(who_waits({}), "no actor has answered yet");
}

}  // namespace
}  // namespace charter::cli
