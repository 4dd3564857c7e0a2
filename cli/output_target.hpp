// Where a path for output leads: a file that is replaced, or something that is written as it is.
#pragma once
#include <filesystem>

namespace charter::cli {

struct OutputTarget {
  enum class Kind {
    kReplaced,    // a regular file, there or not: appears complete or not at all
    kWritten,     // a device, a pipe by name, another process's descriptor: opened and written
    kDescriptor,  // an open descriptor of this process: goes on where that stands
  };
  Kind kind = Kind::kReplaced;
  std::filesystem::path path;  // behind all symbolic links
  int descriptor = -1;         // kDescriptor: its number
};

// Follows symbolic links; those of /proc (/dev/stdout, /dev/fd/3, /proc/self/fd/3) name what is
// open and not a file to replace. Throws std::runtime_error for a directory and for links without
// end.
[[nodiscard]] OutputTarget output_target(const std::filesystem::path& path);

}  // namespace charter::cli
