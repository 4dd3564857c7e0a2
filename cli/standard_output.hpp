// Standard output of the process: what a command prints arrives, or the command says that it did
// not.
#pragma once
#include <ostream>

#include "cli/descriptor_buffer.hpp"

namespace charter::cli {

// Takes over std::cout for its lifetime. A write that fails never throws into the command: a run
// goes on without its display.
class StandardOutput {
 public:
  StandardOutput();
  ~StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  // Writes what is left. Throws std::runtime_error when that or an earlier write failed: a full
  // disk, a reader that has gone, a descriptor that is closed.
  void finish();

 private:
  DescriptorBuffer buffer_;
  std::streambuf* before_;
};

// Puts /dev/null where one of the three standard descriptors is closed, the wrong way round, so
// that reading and writing there still fails: the next file opened would take the number, and what
// is printed would go into it.
void hold_standard_descriptors();

}  // namespace charter::cli
