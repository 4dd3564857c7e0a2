// What a person sees of a live run, on standard error: the progress line of each phase and events.
// On a terminal one line that changes in place, otherwise a plain line now and then.
#pragma once
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "actors/display_edge.hpp"
#include "actors/pipeline.hpp"
#include "report/progress.hpp"

namespace charter::cli {

// In fixed notation.
[[nodiscard]] std::string fixed(double value, int digits);

// Who waits for whom: what every actor says of itself, in one line.
[[nodiscard]] std::string who_waits(const actors::PhaseStatus& status);

// Tells a standstill: nothing has moved for a while. A pure value with explicit time.
class Standstill {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Standstill(std::chrono::duration<double> limit) : limit_(limit) {}
  void begin(Time now);
  // True once for each `limit` in which neither a result nor any actor's progress came.
  [[nodiscard]] bool look(const actors::PhaseStatus& status, Time now);

 private:
  std::chrono::duration<double> limit_;
  Time last_{};
  int64_t progress_ = -1;
};

// The numbers of a policy version that the progress line shows, with their units; what was not
// measured (missing, or null for a value that is not finite) is left out, never shown as 0.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> policy_numbers(
    const nlohmann::json& stats);

// Events of exceeded limits, each once, in the order of the ledger. A pure value.
class LimitEvents {
 public:
  // seen: of the events before this one nothing is told.
  explicit LimitEvents(int64_t seen = 0) : seen_(seen) {}
  [[nodiscard]] std::vector<std::string> take(const std::vector<store::EventRow>& events);

 private:
  int64_t seen_;
};

// Tokens a second of one phase. A pure value with explicit time.
class TokenRate {
 public:
  using Time = std::chrono::steady_clock::time_point;
  void begin(Time now);
  // tokens: of all actors so far; fewer than before where one has begun anew or has ended.
  void look(int64_t tokens, Time now);
  [[nodiscard]] double recent() const { return recent_; }  // of the last seconds
  [[nodiscard]] double mean(Time now) const;               // since the beginning

 private:
  Time began_{}, measured_{};
  int64_t seen_ = 0, made_ = 0, made_then_ = 0;
  double recent_ = 0;
};

// The progress line: what is counted, tokens a second of the last seconds, on a phase's last line
// those of the whole phase, and in the rl stage reward, KL and staleness of the newest version and
// the limits that its versions crossed, read from the ledger beside its writer. What cannot be read
// is a question mark.
class RunView {
 public:
  // standstill: so long without progress, and a line says who waits for whom.
  RunView(std::filesystem::path ledger, std::chrono::duration<double> standstill);
  void progress(const actors::Phase& phase, const actors::PhaseStatus& status);
  void message(const std::string& text) { printer_.message(text); }

 private:
  using Clock = std::chrono::steady_clock;
  void begin(const std::string& phase, Clock::time_point now);
  void add_rl(const actors::PhaseStatus& status, Clock::time_point now);
  void read_ledger();

  std::filesystem::path ledger_;
  report::ProgressPrinter printer_;
  report::ProgressLine line_;
  std::chrono::duration<double> limit_;
  Standstill standstill_;
  std::string phase_;
  Clock::time_point phase_began_{}, last_read_{};
  TokenRate rate_;
  nlohmann::json newest_;
  actors::DisplayEdge edge_;  // of reading the ledger
  bool unread_ = false;
  LimitEvents limits_;
};

}  // namespace charter::cli
