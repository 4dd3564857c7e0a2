#include "cli/run_signals.hpp"

#include <gtest/gtest.h>

namespace charter::cli {
namespace {

using Meaning = HangUps::Meaning;
using std::chrono::milliseconds;
const HangUps::Time kStart{};

TEST(HangUps, OfATerminalThatIsGoneAsksToStop) {
  HangUps hang_ups(/*had_terminal=*/true);
  EXPECT_EQ(hang_ups.look(0, true, kStart), std::nullopt);
  EXPECT_EQ(hang_ups.look(1, false, kStart), Meaning::kTerminalGone);
  EXPECT_EQ(hang_ups.look(1, false, kStart), std::nullopt);  // answered
}

TEST(HangUps, TheTerminalMayGoAMomentAfterTheSignal) {
  HangUps hang_ups(true);
  EXPECT_EQ(hang_ups.look(1, true, kStart), std::nullopt);
  EXPECT_EQ(hang_ups.look(1, true, kStart + milliseconds(900)), std::nullopt);
  EXPECT_EQ(hang_ups.look(1, false, kStart + milliseconds(950)), Meaning::kTerminalGone);
}

TEST(HangUps, WithTheTerminalStillThereMeansNothing) {
  HangUps hang_ups(true);
  EXPECT_EQ(hang_ups.look(1, true, kStart), std::nullopt);
  EXPECT_EQ(hang_ups.look(1, true, kStart + milliseconds(1000)), Meaning::kNothing);
  EXPECT_EQ(hang_ups.look(1, true, kStart + milliseconds(9000)), std::nullopt);
  EXPECT_EQ(hang_ups.look(2, false, kStart + milliseconds(9000)), Meaning::kTerminalGone);
}

TEST(HangUps, WithoutATerminalAtTheStartMeansNothing) {
  HangUps hang_ups(false);
  EXPECT_EQ(hang_ups.look(1, false, kStart), Meaning::kNothing);
  EXPECT_EQ(hang_ups.look(3, false, kStart), Meaning::kNothing);  // two more, told once
}

TEST(ControllingTerminal, IsTheFifthFieldAfterTheName) {
  EXPECT_EQ(controlling_terminal("7 (charter) S 1 7 7 34816 7 4194304"), 34816);
  EXPECT_EQ(controlling_terminal("7 (a) b) (c) S 1 7 7 0 -1 4194304"), 0);
  EXPECT_EQ(controlling_terminal("7 (charter) S 1"), 0);
  EXPECT_EQ(controlling_terminal(""), 0);
}

}  // namespace
}  // namespace charter::cli
