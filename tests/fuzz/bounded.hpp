// What the fuzz targets share: the input as a file, and the bound on the memory that reading it
// takes.
#pragma once
#include <sanitizer/allocator_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

namespace charter::fuzz {

// Bytes that may be alive at once while a file of `size` bytes is read: a small constant times its
// size (a JSON array of one character is an object of forty bytes; a token of one byte is a string
// in a vector and a key in a map), and what a first use of each library keeps.
[[nodiscard]] constexpr int64_t allowance(size_t size) {
  return 96 * static_cast<int64_t>(size) + (int64_t{256} << 10);
}

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

// Signed: what was allocated before may be freed inside. Atomic: tensors are read by several
// threads.
inline std::atomic<int64_t> live_bytes = 0, peak_bytes = 0;

inline void note_allocation(const volatile void*, size_t size) {
  const int64_t live = live_bytes += static_cast<int64_t>(size);
  int64_t peak = peak_bytes;
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
}

inline void note_free(const volatile void* pointer) {
  if (pointer == nullptr) return;
  live_bytes -=
      static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(pointer)));
}

// The largest part of its allowance that an input of this run took, to standard error at exit.
struct Largest {
  double share = 0;
  int64_t peak = 0;
  size_t size = 0;
  ~Largest() {
    std::fprintf(stderr,
                 "stat::largest_peak: %lld bytes for a file of %zu, %.2f of the allowance\n",
                 static_cast<long long>(peak), size, share);
  }
};
inline Largest largest;

// Runs `read`; a std::exception is how bad input is refused. Traps when more than
// allowance(size) was alive at once, or when the message is not one line.
template <typename Read>
void bounded(size_t size, const Read& read) {
  static const int installed =
      __sanitizer_install_malloc_and_free_hooks(note_allocation, note_free);
  (void)installed;
  live_bytes = 0;
  peak_bytes = 0;
  try {
    read();
  } catch (const std::exception& e) {
    const std::string_view what = e.what();
    if (what.empty() || what.find('\n') != std::string_view::npos) {
      std::fprintf(stderr, "not one line: %s\n", e.what());
      __builtin_trap();
    }
  }
  const int64_t peak = peak_bytes;
  const double share = static_cast<double>(peak) / static_cast<double>(allowance(size));
  if (share > largest.share) {
    largest.share = share;
    largest.peak = peak;
    largest.size = size;
  }
  if (peak > allowance(size)) {
    std::fprintf(stderr, "%lld bytes alive for a file of %zu\n", static_cast<long long>(peak),
                 size);
    __builtin_trap();
  }
}

}  // namespace charter::fuzz
