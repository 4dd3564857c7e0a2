#include "cli/standard_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

namespace charter::cli {

StandardOutput::StandardOutput() : buffer_(STDOUT_FILENO), before_(std::cout.rdbuf(&buffer_)) {}

StandardOutput::~StandardOutput() {
  std::cout.flush();
  std::cout.rdbuf(before_);
}

void StandardOutput::finish() {
  std::cout.flush();
  if (buffer_.error() != 0)
    throw std::runtime_error(std::string("standard output: cannot write: ") +
                             std::strerror(buffer_.error()));
}

void hold_standard_descriptors() {
  // The lowest free number is what open() returns.
  for (const int wanted : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(wanted, F_GETFD) >= 0) continue;
    const int got = ::open("/dev/null", wanted == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (got >= 0 && got != wanted) ::close(got);
  }
}

}  // namespace charter::cli
