#include "actors/compute_loop.hpp"

#include <ATen/Parallel.h>

namespace charter::actors {

using Clock = std::chrono::steady_clock;

ComputeLoop::ComputeLoop(std::string name, int32_t threads, const metrics::StageMetrics& stage)
    : name_(std::move(name)),
      threads_(threads),
      clock_(metrics::BusyClock(stage, Clock::now())),
      read_metric_(&stage.prompt_tokens),
      generated_metric_(&stage.generated_tokens) {}

void ComputeLoop::begin() {
  clock_->enter(metrics::StageState::kBusy, Clock::now());
  // A setting of the thread, which the actor may not always have; a thread's first question takes
  // the last actor's.
  (void)at::get_num_threads();
  at::set_num_threads(threads_);
}

void ComputeLoop::end() {
  if (ticking_) ++progress_;
  // Between two slices the actor is as busy as in one.
  clock_->enter(ticking_ ? metrics::StageState::kBusy : metrics::StageState::kWaitIn, Clock::now());
}

void ComputeLoop::count_read(int64_t tokens) {
  read_ += tokens;
  read_metric_->Increment(static_cast<double>(tokens));
}

void ComputeLoop::count_generated(int64_t tokens) {
  generated_ += tokens;
  generated_metric_->Increment(static_cast<double>(tokens));
}

RoleReport ComputeLoop::report(int64_t tokens, std::string state) {
  clock_->flush(Clock::now());
  return {.name = name_, .progress = progress_, .tokens = tokens, .state = std::move(state)};
}

}  // namespace charter::actors
