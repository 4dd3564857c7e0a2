// How often something that dies is made again: so many times within ten minutes, after pauses that
// double. A pure value with explicit time; used by the supervisor for each process and by the
// pipeline for the restores of a phase.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace charter::actors {

class RestartBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::minutes kWindow{10};
  static constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{60};

  // most: within the window (machine.max_restarts).
  explicit RestartBudget(int32_t most = 0) : most_(most) {}

  // It died of `fault`. Returns the pause before it is made again: none after the first death
  // within the window, kFirstPause after the second, then twice the one before, kLongestPause at
  // most. Nothing: it died more than `most` times.
  [[nodiscard]] std::optional<std::chrono::seconds> died(Time now, const std::string& fault);

  // The first fault within the window of the last death; "" before one.
  [[nodiscard]] std::string first() const {
    return deaths_.empty() ? std::string() : deaths_.front().fault;
  }
  // What it died of, after `died` returned nothing: "FIRST; more than 5 WHAT in ten minutes
  // (machine.max_restarts)", and the last fault where that is another one.
  [[nodiscard]] std::string spent(const std::string& what) const;

 private:
  struct Death {
    Time at;
    std::string fault;
  };
  int32_t most_;
  std::deque<Death> deaths_;  // within the window, oldest first
};

}  // namespace charter::actors
