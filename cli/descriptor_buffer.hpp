// A stream's buffer over a file descriptor. It keeps the reason of the first write that failed,
// which the standard library's own streams lose.
#pragma once
#include <cstddef>
#include <streambuf>
#include <vector>

namespace charter::cli {

// After a failed write everything is refused, so that the stream's state is bad. Not thread-safe.
class DescriptorBuffer : public std::streambuf {
 public:
  // The descriptor stays the caller's. On a terminal every write is shown at once.
  explicit DescriptorBuffer(int descriptor);

  // errno of the first write that failed; 0: none did.
  [[nodiscard]] int error() const { return error_; }

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  [[nodiscard]] bool write_out();

  int descriptor_;
  bool at_once_;
  int error_ = 0;
  std::vector<char> bytes_ = std::vector<char>(std::size_t{1} << 16);
};

}  // namespace charter::cli
