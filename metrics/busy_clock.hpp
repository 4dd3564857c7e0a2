// Where a stage's wall time goes: computing, starved for input, blocked on output, or paused. The
// four add up to all of the time since the start, so that a bottleneck is one glance at a stacked
// chart: the stage that is busy while its neighbours wait.
// Times are arguments (one monotonic clock of one process); the class reads no clock itself.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <string_view>

namespace charter::metrics {

enum class StageState { kBusy, kWaitIn, kWaitOut, kPaused };

// What every working stage counts. stage is one of a fixed few: rollout, feedback, reward,
// pm_train, ppo, sl_train, eval.
struct StageMetrics {
  prometheus::Counter& busy_seconds;
  prometheus::Counter& wait_in_seconds;
  prometheus::Counter& wait_out_seconds;
  prometheus::Counter& paused_seconds;
  prometheus::Counter& prompt_tokens;     // read: prompts, templates, training tokens
  prometheus::Counter& generated_tokens;  // sampled

  static StageMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                           std::string_view stage);
};

// Used by one actor; not thread-safe.
// Invariant: total(kBusy) + total(kWaitIn) + total(kWaitOut) + total(kPaused) = last time - start.
class BusyClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Seconds = std::chrono::duration<double>;

  BusyClock(const StageMetrics& metrics, TimePoint start, StageState initial = StageState::kWaitIn);

  // Adds the time since the last call to the state that ends here.
  // Throws std::invalid_argument if now lies before the last call's.
  void enter(StageState next, TimePoint now);

  // Brings the counters up to now without a change of state. Call it on each heartbeat: a stage
  // that hangs in one state shows up only through this.
  void flush(TimePoint now) { enter(state_, now); }

  [[nodiscard]] StageState state() const { return state_; }
  [[nodiscard]] Seconds total(StageState state) const {
    return totals_[static_cast<std::size_t>(state)];
  }

 private:
  std::array<prometheus::Counter*, 4> counters_;
  std::array<Seconds, 4> totals_{};
  TimePoint last_;
  StageState state_;
};

}  // namespace charter::metrics
