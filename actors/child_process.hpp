// Child processes of a run: exec'd, tied to this process's life, watched without blocking.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace charter::actors {

// Starts `arguments` ([0] is the program's path) with output appended to `log`. The child is killed
// when the calling thread ends (parent-death signal), so that none outlives its supervisor. Throws
// std::runtime_error when it cannot be started.
[[nodiscard]] pid_t start_process(const std::vector<std::string>& arguments,
                                  const std::filesystem::path& log);

// How a child ended, as text ("exit code 1", "signal 9"), or nothing while it runs.
[[nodiscard]] std::optional<std::string> ended(pid_t pid);

}  // namespace charter::actors
