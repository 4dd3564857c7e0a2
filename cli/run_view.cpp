#include "cli/run_view.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace charter::cli {
namespace {

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

}  // namespace

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string who_waits(const actors::PhaseStatus& status) {
  std::string text;
  for (const auto& [name, role] : status.roles)
    text += (text.empty() ? "" : ", ") + name + " (" + role.state + ")";
  return text.empty() ? "no actor has answered yet" : text;
}

void Standstill::begin(Time now) {
  last_ = now;
  progress_ = -1;
}

bool Standstill::look(const actors::PhaseStatus& status, Time now) {
  int64_t progress = status.source.done;
  for (const auto& [name, role] : status.roles) progress += role.progress;
  if (progress != progress_) {
    progress_ = progress;
    last_ = now;
    return false;
  }
  if (now - last_ < limit_) return false;
  last_ = now;
  return true;
}

void TokenRate::begin(Time now) {
  *this = {};
  began_ = measured_ = now;
}

void TokenRate::look(int64_t tokens, Time now) {
  made_ += std::max<int64_t>(0, tokens - seen_);
  seen_ = tokens;
  const double seconds = std::chrono::duration<double>(now - measured_).count();
  if (seconds < 2) return;
  recent_ = static_cast<double>(made_ - made_then_) / seconds;
  made_then_ = made_;
  measured_ = now;
}

double TokenRate::mean(Time now) const {
  const double seconds = std::chrono::duration<double>(now - began_).count();
  return seconds > 0 ? static_cast<double>(made_) / seconds : 0;
}

RunView::RunView(std::filesystem::path ledger, std::chrono::duration<double> standstill)
    : ledger_(std::move(ledger)),
      printer_(std::cerr, {.terminal = ::isatty(STDERR_FILENO) == 1,
                           .utf8 = report::is_utf8_locale(
                               std::getenv("LC_ALL"), std::getenv("LC_CTYPE"), std::getenv("LANG")),
                           .width = terminal_width()}),
      limit_(standstill),
      standstill_(standstill) {}

void RunView::progress(const actors::Phase& phase, const actors::PhaseStatus& status) {
  const auto now = Clock::now();
  if (phase.name != phase_) begin(phase.name, now);
  int64_t tokens = 0;
  for (const auto& [name, role] : status.roles) tokens += role.tokens;
  rate_.look(tokens, now);
  line_.stage = phase.name;
  line_.done = status.source.done;
  line_.total = status.source.total;
  line_.elapsed_seconds = std::chrono::duration<double>(now - phase_began_).count();
  line_.eta_seconds = report::estimate_eta(line_.done, line_.total, line_.elapsed_seconds);
  line_.numbers.clear();
  if (phase.name == "rl") add_rl(status, now);
  const bool running = status.state == actors::PhaseStatus::State::kRunning;
  line_.numbers.emplace_back("tok/s", fixed(running ? rate_.recent() : rate_.mean(now), 0));
  printer_.set_width(terminal_width());
  if (running)
    printer_.update(line_, now);
  else
    printer_.finish(line_, now);
  if (standstill_.look(status, now))
    message("no progress for " + fixed(limit_.count(), 0) + " s: " + who_waits(status));
}

void RunView::begin(const std::string& phase, Clock::time_point now) {
  phase_ = phase;
  phase_began_ = now;
  standstill_.begin(now);
  rate_.begin(now);
}

void RunView::add_rl(const actors::PhaseStatus& status, Clock::time_point now) {
  if (now - last_read_ > std::chrono::seconds(2)) {
    last_read_ = now;
    const auto versions = store::Ledger::open_read_only(ledger_).versions("policy");
    if (!versions.empty()) newest_ = nlohmann::json::parse(versions.back().stats);
  }
  line_.numbers.emplace_back("version", std::to_string(status.source.version));
  if (!newest_.is_object()) return;
  line_.numbers.emplace_back("reward", fixed(newest_.value("reward_mean", 0.0), 2));
  line_.numbers.emplace_back("kl", fixed(newest_.value("kl_k1", 0.0), 3));
  line_.numbers.emplace_back("staleness", fixed(newest_.value("staleness_mean", 0.0), 1));
}

}  // namespace charter::cli
