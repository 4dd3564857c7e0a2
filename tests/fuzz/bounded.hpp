// What the fuzz targets share: the input as a file, and the bound on what reading it may allocate.
#pragma once
#include <sanitizer/allocator_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

namespace charter::fuzz {

// Bytes that may be allocated at once while a file of `size` bytes is read: a small constant times
// its size (a token of one byte is a string in a vector and a key in a map), and the containers'
// first steps.
[[nodiscard]] constexpr size_t allowance(size_t size) { return 256 * size + (1u << 20); }

// The input as a file of its own.
class InputFile {
 public:
  InputFile(const uint8_t* data, size_t size) : fd_(::memfd_create("input", 0)) {
    for (size_t done = 0; done < size;) {
      const ssize_t n = ::write(fd_, data + done, size - done);
      if (n <= 0) __builtin_trap();
      done += static_cast<size_t>(n);
    }
  }
  ~InputFile() { ::close(fd_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  [[nodiscard]] std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(fd_);
  }

 private:
  int fd_;
};

inline size_t largest_allocation = 0;

inline void note_allocation(const volatile void*, size_t size) {
  largest_allocation = std::max(largest_allocation, size);
}

// Runs `read`; a std::exception is how bad input is refused. Traps when one allocation was larger
// than allowance(size), or when the message is not one line.
template <typename Read>
void bounded(size_t size, const Read& read) {
  static const int installed =
      __sanitizer_install_malloc_and_free_hooks(note_allocation, [](const volatile void*) {});
  (void)installed;
  largest_allocation = 0;
  try {
    read();
  } catch (const std::exception& e) {
    const std::string_view what = e.what();
    if (what.empty() || what.find('\n') != std::string_view::npos) {
      std::fprintf(stderr, "not one line: %s\n", e.what());
      __builtin_trap();
    }
  }
  if (largest_allocation > allowance(size)) {
    std::fprintf(stderr, "%zu bytes allocated for a file of %zu\n", largest_allocation, size);
    __builtin_trap();
  }
}

}  // namespace charter::fuzz
