// Time is a number that the tests choose.
#include "actors/role_watch.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

using std::chrono::seconds;

// A watch over "rollout/0" with a deadline of 10 s, looked at once a second.
struct Watched {
  RoleWatch watch{seconds(10)};
  RoleWatch::Time now{};
  Watched() {
    watch.add("rollout/0");
    watch.advance(now);
  }
  void pass(int64_t s) {
    for (int64_t i = 0; i < s; ++i) watch.advance(now += seconds(1));
  }
  bool ask() { return watch.ask("rollout/0"); }
  void answer(int64_t progress) {
    watch.answered("rollout/0", {.name = "rollout/0", .progress = progress, .state = "3 jobs"});
  }
};

TEST(RoleWatch, ARoleThatDoesNotAnswerForTheDeadlineIsOverdueWithItsLastProgress) {
  Watched w;
  ASSERT_TRUE(w.ask());
  w.answer(17);
  ASSERT_TRUE(w.ask());
  w.pass(9);
  EXPECT_FALSE(w.watch.overdue());
  w.pass(1);
  const auto overdue = w.watch.overdue();
  ASSERT_TRUE(overdue);
  EXPECT_EQ(overdue->role, "rollout/0");
  EXPECT_EQ(overdue->text, "has not answered for 10 s; last progress 17 (3 jobs)");
}

TEST(RoleWatch, IsNotProbedAgainBeforeItAnswered) {
  Watched w;
  EXPECT_TRUE(w.ask());
  EXPECT_FALSE(w.ask());
  w.answer(1);
  EXPECT_TRUE(w.ask());
}

TEST(RoleWatch, AnAnswerBeginsTheTimeAnew) {
  Watched w;
  for (int64_t progress = 0; progress < 5; ++progress) {
    ASSERT_TRUE(w.ask());
    w.pass(9);
    EXPECT_FALSE(w.watch.overdue());
    w.answer(progress);
  }
  w.pass(100);  // not asked: nothing is owed
  EXPECT_FALSE(w.watch.overdue());
}

TEST(RoleWatch, TimeInWhichThisProcessWasStoppedDoesNotCount) {
  Watched w;
  ASSERT_TRUE(w.ask());
  w.pass(2);
  w.watch.advance(w.now += std::chrono::hours(1));  // counts as 5 s: 2 + 5 < 10
  EXPECT_FALSE(w.watch.overdue());
  w.pass(3);
  EXPECT_TRUE(w.watch.overdue());
}

// It hangs before its first answer: what it wrote down by itself is what is known.
TEST(RoleWatch, WhatARoleSaidUnaskedIsItsLastStateAndNoAnswer) {
  Watched w;
  EXPECT_EQ(w.watch.reports().at("rollout/0").state, "starting");
  ASSERT_TRUE(w.ask());
  w.pass(9);
  w.watch.heard("rollout/0", {.name = "rollout/0", .progress = 3, .state = "1 jobs"});
  EXPECT_EQ(w.watch.reports().at("rollout/0").progress, 3);
  EXPECT_EQ(w.watch.reports().at("rollout/0").state, "1 jobs");
  EXPECT_FALSE(w.ask());  // the probe is still open
  EXPECT_FALSE(w.watch.overdue());
  w.pass(1);
  const auto overdue = w.watch.overdue();
  ASSERT_TRUE(overdue);
  EXPECT_EQ(overdue->text, "has not answered for 10 s; last progress 3 (1 jobs)");
  w.watch.heard("reward/0", {.name = "reward/0"});  // not one of the watched
  EXPECT_EQ(w.watch.reports().size(), 1u);
}

TEST(RoleWatch, ForgetsARoleThatEnded) {
  Watched w;
  ASSERT_TRUE(w.ask());
  w.watch.forget("rollout/0");
  w.pass(20);
  EXPECT_FALSE(w.watch.overdue());
  EXPECT_FALSE(w.ask());
  w.answer(1);
  EXPECT_TRUE(w.watch.reports().empty());
}

TEST(StepDeadline, IsTheConfiguredOneElseGrowsWithTheLargestModelFromFiveMinutes) {
  store::TempDir weights;
  config::RunConfig c;
  c.models.max_context = 4096;
  EXPECT_EQ(step_deadline(c, weights.path()).count(), 300);
  std::filesystem::create_directory(weights.path() / "base");
  const auto file = weights.path() / "base/model.safetensors";
  std::ofstream(file).close();
  std::filesystem::resize_file(file, 4'000'000'000);  // a sparse file: 1e9 parameters
  EXPECT_DOUBLE_EQ(step_deadline(c, weights.path()).count(), 8.0 * 1e9 * 4096 / 1e10);
  EXPECT_DOUBLE_EQ(lease_duration(c, weights.path()).count(), 8.0 * 1e9 * 4096 / 1e10 / 2);
  c.machine.step_seconds = 20;
  EXPECT_EQ(step_deadline(c, weights.path()).count(), 20);
  EXPECT_EQ(lease_duration(c, weights.path()).count(), c.machine.lease_seconds);
}

}  // namespace
}  // namespace charter::actors
