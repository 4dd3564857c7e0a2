// Child processes of a run: exec'd, tied to this process's life, watched without blocking.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charter::actors {

// Starts `arguments` ([0] is the program's path) with output appended to `log`, which its owner
// alone may read. `input`: what it finds on its standard input, for what must not stand among the
// arguments, which everybody can read; at most 4096 bytes, so that nobody waits for a reader. The
// child is killed when the calling thread ends (parent-death signal), so that none outlives its
// supervisor; signals that ask a process to end are ignored in it. Throws std::runtime_error when
// it cannot be started.
[[nodiscard]] pid_t start_process(const std::vector<std::string>& arguments,
                                  const std::filesystem::path& log, std::string_view input);

// The last line of `log` that is not empty, of what was written after the first `from` bytes; at
// most 300 bytes of it, without control characters. "" when there is none.
[[nodiscard]] std::string last_line(const std::filesystem::path& log, std::uintmax_t from);

// How a child ended, as text ("exit code 1", "signal 9"), or nothing while it runs.
[[nodiscard]] std::optional<std::string> ended(pid_t pid);

}  // namespace charter::actors
