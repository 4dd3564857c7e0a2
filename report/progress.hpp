// What a person sees while a run goes on: one line per stage with a bar, percent, time left and the
// numbers that matter. On a terminal the line is redrawn in place; elsewhere a plain line is
// printed now and then. Times are arguments; nothing here reads a clock, a terminal or the
// environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace charter::report {

struct ProgressLine {
  std::string stage;
  int64_t done = 0;
  int64_t total = 0;  // 0: unknown; the bar and the percent are left out
  double elapsed_seconds = 0;
  std::optional<double> eta_seconds;  // empty: no estimate yet
  // In order of importance, values as text: {"reward", "0.31"}, {"kl", "0.8"}, {"tok/s", "412"}.
  std::vector<std::pair<std::string, std::string>> numbers;
};

// Time left by the rate so far: elapsed * (total - done) / done. Empty before the first item is
// done.
[[nodiscard]] std::optional<double> estimate_eta(int64_t done, int64_t total,
                                                 double elapsed_seconds);

// 42 -> "0:42", 754 -> "12:34", 7384 -> "2:03:04".
[[nodiscard]] std::string format_clock(double seconds);

// Columns of a terminal that the text takes: one for each code point.
[[nodiscard]] int display_width(const std::string& text);

// One line without a line break and at most width columns wide. Gives up first the least important
// numbers, then the bar, then the estimate; the stage and how far it is stay. utf8: block
// characters in the bar, else # and dots.
[[nodiscard]] std::string format_progress(const ProgressLine& line, int width, bool utf8);

// True if the first of LC_ALL, LC_CTYPE and LANG that is set and not empty names UTF-8. Arguments
// are their values; null where unset.
[[nodiscard]] bool is_utf8_locale(const char* lc_all, const char* lc_ctype, const char* lang);

struct ProgressOptions {
  bool terminal = false;
  bool utf8 = false;
  int width = 100;                                  // columns; of plain lines too
  std::chrono::milliseconds redraw_interval{100};   // least time between redraws
  std::chrono::milliseconds plain_interval{10000};  // least time between plain lines of a stage
};

// Used by one thread. Several stages may be shown one after the other; a new stage name, finish()
// and message() always reach the stream.
class ProgressPrinter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  ProgressPrinter(std::ostream& out, const ProgressOptions& options)
      : out_(out), options_(options) {}

  // Shows the line if it is due.
  void update(const ProgressLine& line, TimePoint now);

  // Shows the stage's last line and leaves it on the screen.
  void finish(const ProgressLine& line, TimePoint now);

  // Prints a line of text above the bar, which is drawn again.
  void message(const std::string& text);

  void set_width(int columns) { options_.width = columns; }

 private:
  void show(const ProgressLine& line, TimePoint now);
  void end_line();

  std::ostream& out_;
  ProgressOptions options_;
  std::string stage_;  // of the line shown last
  std::string drawn_;  // the text in the terminal's current line; empty if there is none
  TimePoint last_show_;
};

}  // namespace charter::report
