#include "cli/run_signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace charter::cli {
namespace {

std::atomic<int> stops{0}, hang_ups{0};
static_assert(std::atomic<int>::is_always_lock_free);  // used by handlers

extern "C" void on_stop(int) {
  if (++stops >= 3) ::_exit(130);  // does not wait for anything
}
extern "C" void on_hang_up(int) { ++hang_ups; }

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(number, &action, nullptr);
}

bool is_ignored(int number) {
  struct sigaction now = {};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

bool has_terminal() {
  std::ifstream in("/proc/self/stat");
  return controlling_terminal({std::istreambuf_iterator<char>(in), {}}) != 0;
}

}  // namespace

std::optional<HangUps::Meaning> HangUps::look(int received, bool has_terminal, Time now) {
  if (received > seen_) {
    seen_ = received;
    since_ = now;
  }
  if (seen_ == answered_) return std::nullopt;
  const bool gone = had_terminal_ && !has_terminal;
  if (!gone && had_terminal_ && now - since_ < kPatience) return std::nullopt;
  answered_ = seen_;
  return gone ? Meaning::kTerminalGone : Meaning::kNothing;
}

int controlling_terminal(const std::string& stat) {
  // "PID (NAME) STATE PARENT GROUP SESSION TERMINAL ..."; the name may hold anything.
  const auto name = stat.rfind(')');
  if (name == std::string::npos) return 0;
  std::istringstream rest(stat.substr(name + 1));
  std::string state;
  int parent = 0, group = 0, session = 0, terminal = 0;
  rest >> state >> parent >> group >> session >> terminal;
  return rest ? terminal : 0;
}

RunSignals::RunSignals() : hang_ups_(has_terminal()) {
  handle(SIGINT, on_stop, 0);
  handle(SIGTERM, on_stop, 0);
  // A reader of the console that has gone is no reason to end.
  handle(SIGPIPE, SIG_IGN, 0);
  if (!is_ignored(SIGHUP)) handle(SIGHUP, on_hang_up, SA_RESTART);
}

bool RunSignals::stopping() {
  // The terminal is asked for only when there is a signal to explain.
  const int received = hang_ups;
  const auto meaning =
      received == 0 ? std::nullopt
                    : hang_ups_.look(received, has_terminal(), std::chrono::steady_clock::now());
  if (meaning == HangUps::Meaning::kTerminalGone) {
    ++stops;
    notices_.push_back("SIGHUP: the terminal is gone; stopping");
  } else if (meaning == HangUps::Meaning::kNothing) {
    notices_.push_back("SIGHUP: without effect");
  }
  return stops > 0;
}

int RunSignals::stop_requests() { return stops; }

std::vector<std::string> RunSignals::notices() { return std::exchange(notices_, {}); }

}  // namespace charter::cli
