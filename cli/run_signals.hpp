// The signals that concern a run. SIGINT and SIGTERM ask it to stop; the third of them ends it at
// once. SIGHUP asks it to stop when the terminal that the run had at its start is gone; another one
// is told and has no effect, and one that was ignored at the start (nohup) stays ignored.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace charter::cli {

// What a SIGHUP means. A pure value with explicit time.
class HangUps {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Meaning { kTerminalGone, kNothing };

  // The kernel may take the terminal away a moment after the signal.
  static constexpr std::chrono::seconds kPatience{1};

  explicit HangUps(bool had_terminal) : had_terminal_(had_terminal) {}
  // received: SIGHUPs so far. The meaning of those since the last answer, once it is known.
  [[nodiscard]] std::optional<Meaning> look(int received, bool has_terminal, Time now);

 private:
  bool had_terminal_;
  int answered_ = 0, seen_ = 0;
  Time since_{};
};

// The controlling terminal's number in the text of /proc/self/stat; 0: none.
[[nodiscard]] int controlling_terminal(const std::string& stat);

// From its making to the end of the process, one in a process. Its methods are called on one
// thread.
class RunSignals {
 public:
  RunSignals();
  RunSignals(const RunSignals&) = delete;
  RunSignals& operator=(const RunSignals&) = delete;

  [[nodiscard]] bool stopping();
  // How often it was asked to stop. From any thread.
  [[nodiscard]] static int stop_requests();
  // What is to be told since the last call.
  [[nodiscard]] std::vector<std::string> notices();

 private:
  HangUps hang_ups_;
  std::vector<std::string> notices_;
};

}  // namespace charter::cli
