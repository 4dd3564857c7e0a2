// Linked into every test program: a test that has run for a minute is told on standard error, with
// what each witness says and what every thread of the program is at, and again each minute. So a
// test that hangs says who waits for whom before ctest ends it.
#pragma once
#include <functional>
#include <string>

namespace charter::tests {

// Asked when a test stalls, as long as it lives. It is asked on another thread.
class Witness {
 public:
  explicit Witness(std::function<std::string()> says);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
};

// What the witnesses say, a line each, and the calls that every other thread of this process is in.
[[nodiscard]] std::string describe_stall();

}  // namespace charter::tests
