#include "cli/run_view.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "metrics/quantities.hpp"

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

std::vector<std::pair<std::string, std::string>> policy_numbers(const nlohmann::json& stats) {
  struct Number {
    const char *name, *stat;
    int digits;
  };
  constexpr Number kNumbers[] = {
      {"reward", "reward_mean", 2}, {"kl", "kl_k1", 3}, {"staleness", "staleness_mean", 1}};
  std::vector<std::pair<std::string, std::string>> numbers;
  if (!stats.is_object()) return numbers;
  for (const auto& [name, stat, digits] : kNumbers) {
    const auto at = stats.find(stat);
    if (at == stats.end() || !at->is_number()) continue;
    const auto unit = metrics::text(metrics::unit_of_stat("policy", stat));
    numbers.emplace_back(
        name, fixed(at->get<double>(), digits) + (unit.empty() ? "" : " ") + std::string(unit));
  }
  return numbers;
}

std::vector<std::string> LimitEvents::take(const std::vector<store::EventRow>& events) {
  std::vector<std::string> texts;
  for (const auto& event : events) {
    if (event.id <= seen_) continue;
    seen_ = event.id;
    if (event.text.starts_with("limit ")) texts.push_back(event.text);
  }
  return texts;
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
      standstill_(standstill) {
  const auto before = store::Ledger::open_read_only(ledger_).events(1);
  if (!before.empty()) limits_ = LimitEvents(before.back().id);
}

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
  const bool ended = status.state != actors::PhaseStatus::State::kRunning;
  if (ended || now - last_read_ > std::chrono::seconds(2)) {
    last_read_ = now;
    unread_ = !edge_.guard([this] { read_ledger(); });
    if (edge_.failures() == 1 && unread_) message("progress: not read " + edge_.summary());
  }
  line_.numbers.emplace_back("version", std::to_string(status.source.version));
  if (unread_) {  // the ledger is away: what it said before may no longer hold
    for (const char* name : {"reward", "kl", "staleness"}) line_.numbers.emplace_back(name, "?");
    return;
  }
  for (auto& number : policy_numbers(newest_)) line_.numbers.push_back(std::move(number));
}

void RunView::read_ledger() {
  constexpr size_t kEvents = 200;  // more than a run writes between two looks
  const auto ledger = store::Ledger::open_read_only(ledger_);
  const auto versions = ledger.versions("policy");
  if (!versions.empty())
    newest_ = nlohmann::json::parse(versions.back().stats, nullptr, /*allow_exceptions=*/false);
  for (const auto& text : limits_.take(ledger.events(kEvents))) message(text);
}

}  // namespace charter::cli
