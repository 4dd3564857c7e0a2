#include "config/machine.hpp"

#include <algorithm>
#include <thread>

namespace charter::config {

int32_t compute_slots(const RunConfig& config) {
  if (config.machine.compute_slots > 0) return config.machine.compute_slots;
  return std::max(1, static_cast<int32_t>(std::thread::hardware_concurrency()));
}

}  // namespace charter::config
