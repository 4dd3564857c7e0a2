#include "report/progress.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace charter::report {
namespace {

using namespace std::chrono_literals;

ProgressLine rl_line() { return {"rl", 3, 8, 90, 150.0, {{"reward", "0.31"}, {"kl", "0.8"}}}; }

TEST(FormatProgress, ShowsBarPercentTimeAndNumbers) {
  // 3/8 of 10 cells: 3 full. 37.5 % rounds down.
  EXPECT_EQ(format_progress(rl_line(), 80, false),
            "rl            [###.......]   37 %  3/8  1:30, 2:30 left  reward 0.31  kl 0.8");
  // 3/8 of 20 cells: 7 full, 4 eighths.
  EXPECT_EQ(format_progress(rl_line(), 100, true),
            "rl            \u2588\u2588\u2588\u2588\u2588\u2588\u2588\u258c"
            "\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591"
            "   37 %  3/8  1:30, 2:30 left  reward 0.31  kl 0.8");
}

TEST(FormatProgress, GivesUpTheLeastImportantFirst) {
  EXPECT_EQ(format_progress(rl_line(), 70, false),
            "rl            [###.......]   37 %  3/8  1:30, 2:30 left  reward 0.31");
  EXPECT_EQ(format_progress(rl_line(), 44, false), "rl             37 %  3/8  1:30, 2:30 left");
  EXPECT_EQ(format_progress(rl_line(), 30, false), "rl             37 %  3/8  1:30");
  EXPECT_EQ(format_progress(rl_line(), 29, false), "rl             37 %  3/8");
  EXPECT_EQ(format_progress(rl_line(), 13, false), "rl  37 %  3/8");
}

TEST(FormatProgress, NeverExceedsTheWidth) {
  ProgressLine line = rl_line();
  line.stage = "sl_generate_with_a_long_name";
  for (const bool utf8 : {false, true}) {
    for (int width = 0; width < 130; ++width) {
      EXPECT_LE(display_width(format_progress(line, width, utf8)), width);
      EXPECT_LE(display_width(format_progress(rl_line(), width, utf8)), width);
    }
  }
}

TEST(FormatProgress, SaysHundredPercentOnlyAtTheEnd) {
  ProgressLine line{"label", 999, 1000, 10, 0.01, {}};
  EXPECT_NE(format_progress(line, 80, false).find(" 99 %"), std::string::npos);
  line.done = 1000;
  EXPECT_EQ(format_progress(line, 80, false),
            "label         [####################]  100 %  1000/1000  0:10");
}

TEST(FormatProgress, LeavesOutTheBarOfAnUnknownTotal) {
  EXPECT_EQ(format_progress({"rl", 5, 0, 61, {}, {}}, 80, false), "rl            5  1:01");
}

TEST(EstimateEta, FollowsTheRateSoFar) {
  EXPECT_DOUBLE_EQ(estimate_eta(3, 8, 90).value(), 150);  // 30 s each, 5 to go
  EXPECT_DOUBLE_EQ(estimate_eta(8, 8, 90).value(), 0);
  EXPECT_EQ(estimate_eta(0, 8, 90), std::nullopt);
  EXPECT_EQ(estimate_eta(3, 0, 90), std::nullopt);
}

TEST(FormatClock, AddsHoursWhenThereAreSome) {
  EXPECT_EQ(format_clock(42.4), "0:42");
  EXPECT_EQ(format_clock(59.6), "1:00");
  EXPECT_EQ(format_clock(754), "12:34");
  EXPECT_EQ(format_clock(7384), "2:03:04");
}

TEST(Utf8Locale, IsDecidedByTheFirstVariableThatIsSet) {
  EXPECT_TRUE(is_utf8_locale(nullptr, nullptr, "en_US.UTF-8"));
  EXPECT_TRUE(is_utf8_locale("C.utf8", nullptr, "C"));
  EXPECT_FALSE(is_utf8_locale("C", nullptr, "en_US.UTF-8"));
  EXPECT_TRUE(is_utf8_locale("", "", "de_DE.UTF-8"));
  EXPECT_FALSE(is_utf8_locale(nullptr, nullptr, nullptr));
}

const ProgressPrinter::TimePoint kStart{100s};

TEST(ProgressPrinter, PrintsPlainLinesNowAndThen) {
  std::ostringstream out;
  ProgressPrinter printer(out, {.terminal = false, .width = 60, .plain_interval = 10000ms});
  ProgressLine line{"label", 0, 4, 0, {}, {}};
  printer.update(line, kStart);  // the first line of a stage
  line.done = 1;
  printer.update(line, kStart + 9s);   // too early
  printer.update(line, kStart + 10s);  // due
  line.done = 4;
  printer.finish(line, kStart + 11s);  // always
  EXPECT_EQ(out.str(),
            "label         [....................]    0 %  0/4  0:00\n"
            "label         [#####...............]   25 %  1/4  0:00\n"
            "label         [####################]  100 %  4/4  0:00\n");
}

TEST(ProgressPrinter, RedrawsInPlaceOnATerminal) {
  std::ostringstream out;
  ProgressPrinter printer(out, {.terminal = true, .width = 31, .redraw_interval = 100ms});
  printer.update({"rl", 1, 4, 0, {}, {}}, kStart);
  printer.update({"rl", 2, 4, 0, {}, {}}, kStart + 50ms);  // too early
  printer.update({"rl", 3, 4, 0, {}, {}}, kStart + 100ms);
  printer.finish({"rl", 4, 4, 0, {}, {}}, kStart + 110ms);
  const std::string erase = "\x1b[K";
  EXPECT_EQ(out.str(), "\rrl             25 %  1/4  0:00" + erase +
                           "\rrl             75 %  3/4  0:00" + erase +
                           "\rrl            100 %  4/4  0:00" + erase + "\n");
}

TEST(ProgressPrinter, PrintsMessagesAboveTheBar) {
  std::ostringstream out;
  ProgressPrinter printer(out, {.terminal = true, .width = 31});
  printer.message("before");
  printer.update({"rl", 1, 4, 0, {}, {}}, kStart);
  printer.message("engine restarted");
  EXPECT_EQ(out.str(),
            "before\n\rrl             25 %  1/4  0:00\x1b[K"
            "\r\x1b[Kengine restarted\nrl             25 %  1/4  0:00");
}

TEST(ProgressPrinter, KeepsTheLastLineOfTheStageBefore) {
  std::ostringstream out;
  ProgressPrinter printer(out, {.terminal = true, .width = 31});
  printer.update({"rl", 1, 4, 0, {}, {}}, kStart);
  printer.update({"eval", 0, 4, 0, {}, {}}, kStart + 1ms);
  EXPECT_NE(out.str().find("1/4  0:00\x1b[K\n\reval"), std::string::npos);
}

}  // namespace
}  // namespace charter::report
