// File descriptors. Links take several each, and libzmq ends the process when there is none left
// for its own use: what a run can come to need is compared with the limit before it starts.
#pragma once
#include <cstdint>

#include "config/run_config.hpp"

namespace charter::cli {

// Bound on what one process of such a run opens at once, its connections and those of a few
// strangers among them.
[[nodiscard]] int64_t descriptors_needed(const config::RunConfig& config);

// Raises this process's limit, which its children inherit, to the most that is allowed. Throws
// std::runtime_error, one line with both numbers, when that is less than `needed`.
void require_descriptors(int64_t needed);

}  // namespace charter::cli
