#include "model/team.hpp"

#include <omp.h>

namespace charter::model {
namespace {
constexpr int kSpins = 4000;  // about 40 us: a phase's imbalance, not a descheduled member
}

void Team::run(int threads, const std::function<void(Team&, int)>& body) {
  Team team;
  if (threads <= 1 || omp_in_parallel()) {
    body(team, 0);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
#pragma omp single
    team.size_ = omp_get_num_threads();  // the implicit barrier of single publishes it
    body(team, omp_get_thread_num());
  }
}

void Team::barrier() {
  const uint32_t phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    next_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  for (int i = 0; i < kSpins; ++i) {
    if (phase_.load(std::memory_order_acquire) != phase) return;
    __builtin_ia32_pause();
  }
  phase_.wait(phase, std::memory_order_acquire);
}

}  // namespace charter::model
