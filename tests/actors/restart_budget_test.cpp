#include "actors/restart_budget.hpp"

#include <gtest/gtest.h>

namespace charter::actors {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
const RestartBudget::Time kStart{};

TEST(RestartBudget, PausesDoubleUpToAMinute) {
  RestartBudget budget(1000);
  for (const int pause : {0, 1, 2, 4, 8, 16, 32, 60, 60})
    EXPECT_EQ(budget.died(kStart, "fault"), seconds(pause));
}

TEST(RestartBudget, AtOnceAfterAQuietWindow) {
  RestartBudget budget(5);
  EXPECT_EQ(budget.died(kStart, "fault"), seconds(0));
  EXPECT_EQ(budget.died(kStart + minutes(10), "fault"), seconds(1));  // still within it
  EXPECT_EQ(budget.died(kStart + minutes(21), "fault"), seconds(0));
}

TEST(RestartBudget, IsSpentWithinTheWindow) {
  RestartBudget budget(2);
  EXPECT_TRUE(budget.died(kStart, "a"));
  EXPECT_TRUE(budget.died(kStart + seconds(1), "b"));
  EXPECT_FALSE(budget.died(kStart + seconds(2), "c"));
}

TEST(RestartBudget, NoneIsSpentByTheFirstDeath) {
  RestartBudget budget(0);
  EXPECT_FALSE(budget.died(kStart, "engine ended (signal 9)"));
  EXPECT_EQ(budget.spent("restarts"),
            "engine ended (signal 9); more than 0 restarts in ten minutes (machine.max_restarts)");
}

TEST(RestartBudget, NamesTheFirstFaultAndAnotherLastOne) {
  RestartBudget budget(1);
  EXPECT_EQ(budget.first(), "");
  EXPECT_TRUE(budget.died(kStart, "disk full"));
  EXPECT_EQ(budget.first(), "disk full");
  EXPECT_FALSE(budget.died(kStart + seconds(1), "disk full"));
  EXPECT_EQ(budget.spent("restores"),
            "disk full; more than 1 restores in ten minutes (machine.max_restarts)");
  EXPECT_FALSE(budget.died(kStart + seconds(2), "signal 9"));
  EXPECT_EQ(budget.spent("restores"),
            "disk full; more than 1 restores in ten minutes (machine.max_restarts); the last "
            "after: signal 9");
}

TEST(RestartBudget, ManyDeathsDoNotOverflowThePause) {
  RestartBudget budget(1000);
  for (int i = 0; i < 999; ++i) (void)budget.died(kStart, "fault");
  EXPECT_EQ(budget.died(kStart, "fault"), seconds(60));
}

}  // namespace
}  // namespace charter::actors
