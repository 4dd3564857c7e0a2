// Settings whose value depends on the machine.
#pragma once
#include <cstdint>

#include "config/run_config.hpp"

namespace charter::config {

// machine.compute_slots, or one a core when that is 0. At least 1.
[[nodiscard]] int32_t compute_slots(const RunConfig& config);

}  // namespace charter::config
