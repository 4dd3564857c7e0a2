// The edge of what only shows a run: progress, status files, lists of addresses. What is thrown
// there is counted and kept, and never reaches the run.
#pragma once
#include <cstdint>
#include <exception>
#include <string>

namespace charter::actors {

class DisplayEdge {
 public:
  // Calls show(). False: it threw.
  template <class Show>
  bool guard(Show&& show) noexcept {
    try {
      show();
      return true;
    } catch (const std::exception& e) {
      count(e.what());
    } catch (...) {
      count("an exception without a text");
    }
    return false;
  }

  [[nodiscard]] int64_t failures() const { return failures_; }
  // "3 times, first: what"; "" when it never failed.
  [[nodiscard]] std::string summary() const {
    if (failures_ == 0) return {};
    return std::to_string(failures_) + (failures_ == 1 ? " time: " : " times, first: ") + first_;
  }

 private:
  void count(const char* what) noexcept {
    try {
      if (failures_++ == 0) first_ = what;
    } catch (...) {  // no memory for the text: the count says enough
    }
  }
  int64_t failures_ = 0;
  std::string first_;
};

}  // namespace charter::actors
