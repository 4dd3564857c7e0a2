// The working side of an actor that computes: its work is cut into slices, one a message, so that
// leases, new weights and probes are answered in between. Counts the slices, the tokens, and where
// the time goes. Owned by one actor.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "actors/interfaces.hpp"
#include "metrics/busy_clock.hpp"

namespace charter::actors {

class ComputeLoop {
 public:
  ComputeLoop() = default;
  // name: as in reports, "rollout/0". threads: of the tensor library, in a slice.
  ComputeLoop(std::string name, int32_t threads, const metrics::StageMetrics& stage);

  // There may be work: the actor's next Tick is on its way after this.
  template <class Self>
  void wake(Self self) {
    if (!std::exchange(ticking_, true)) self->send(self, Tick{});
  }
  // Handles a Tick. slice: does one slice of work; false when there was none, and the loop stops
  // until it is woken.
  template <class Self, class Slice>
  void tick(Self self, Slice slice) {
    begin();
    ticking_ = slice();
    end();
    if (ticking_) self->send(self, Tick{});
  }

  void count_read(int64_t tokens);       // prompts, templates, training tokens
  void count_generated(int64_t tokens);  // sampled
  [[nodiscard]] int64_t read() const { return read_; }
  [[nodiscard]] int64_t generated() const { return generated_; }

  // Answers a Probe; also brings the clock's counters up to now.
  [[nodiscard]] RoleReport report(int64_t tokens, std::string state);

 private:
  void begin();
  void end();

  std::string name_;
  int32_t threads_ = 1;
  std::optional<metrics::BusyClock> clock_;
  prometheus::Counter* read_metric_ = nullptr;
  prometheus::Counter* generated_metric_ = nullptr;
  bool ticking_ = false;
  int64_t progress_ = 0, read_ = 0, generated_ = 0;
};

}  // namespace charter::actors
