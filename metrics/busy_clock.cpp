#include "metrics/busy_clock.hpp"

#include <stdexcept>
#include <string>

#include "metrics/maker.hpp"

namespace charter::metrics {

StageMetrics StageMetrics::make(prometheus::Registry& registry, const prometheus::Labels& labels,
                                std::string_view stage) {
  Maker make(registry, labels);
  const std::string name(stage);
  auto seconds = [&](const char* state) -> prometheus::Counter& {
    return make.counter("stage_busy_seconds_total",
                        "Wall seconds of a stage by state; the four states add up to all of its "
                        "time. Worry if wait_in exceeds half: the stage before it is the "
                        "bottleneck; wait_out: the stage after it.",
                        {{"stage", name}, {"state", state}});
  };
  auto tokens = [&](const char* kind) -> prometheus::Counter& {
    return make.counter("tokens_total",
                        "Tokens by stage, read (prompt) or sampled (gen). Worry if a running "
                        "stage's rate is 0 for a minute.",
                        {{"stage", name}, {"kind", kind}});
  };
  return {.busy_seconds = seconds("busy"),
          .wait_in_seconds = seconds("wait_in"),
          .wait_out_seconds = seconds("wait_out"),
          .paused_seconds = seconds("paused"),
          .prompt_tokens = tokens("prompt"),
          .generated_tokens = tokens("gen")};
}

BusyClock::BusyClock(const StageMetrics& metrics, TimePoint start, StageState initial)
    : counters_{&metrics.busy_seconds, &metrics.wait_in_seconds, &metrics.wait_out_seconds,
                &metrics.paused_seconds},
      last_(start),
      state_(initial) {}

void BusyClock::enter(StageState next, TimePoint now) {
  const Seconds elapsed = now - last_;
  if (elapsed.count() < 0) {
    throw std::invalid_argument("now: " + std::to_string(-elapsed.count()) +
                                " s before the last call, expected a monotonic clock");
  }
  const auto index = static_cast<std::size_t>(state_);
  totals_[index] += elapsed;
  counters_[index]->Increment(elapsed.count());
  last_ = now;
  state_ = next;
}

}  // namespace charter::metrics
