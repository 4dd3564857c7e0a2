#include "actors/restart_budget.hpp"

#include <algorithm>

namespace charter::actors {

std::optional<std::chrono::seconds> RestartBudget::died(Time now, const std::string& fault) {
  while (!deaths_.empty() && now - deaths_.front().at > kWindow) deaths_.pop_front();
  deaths_.push_back({now, fault});
  const auto deaths = static_cast<int32_t>(deaths_.size());
  if (deaths > most_) return std::nullopt;
  auto pause = deaths > 1 ? kFirstPause : std::chrono::seconds(0);
  for (int32_t i = 2; i < deaths && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

std::string RestartBudget::spent(const std::string& what) const {
  if (deaths_.empty()) return {};
  const auto& first = deaths_.front().fault;
  const auto& last = deaths_.back().fault;
  return first + "; more than " + std::to_string(most_) + " " + what +
         " in ten minutes (machine.max_restarts)" +
         (last == first ? "" : "; the last after: " + last);
}

}  // namespace charter::actors
