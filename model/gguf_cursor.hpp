// Reading of little-endian fields from mapped bytes, for gguf.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include "model/input_error.hpp"

namespace charter::model {

// Walks the header of a GGUF file; every read is checked against the end of the file.
// Throws std::runtime_error with the path, `context` and the offset.
class GgufCursor {
 public:
  GgufCursor(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  template <typename T>
  T read(const char* what) {
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string read_string(const char* what) {
    const auto length = read<uint64_t>(what);
    need(length, what);
    std::string text(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
    return text;
  }

  // A count whose elements take at least min_bytes each, so that it bounds what is allocated for
  // it.
  uint64_t read_count(uint64_t min_bytes, const char* what) {
    const auto count = read<uint64_t>(what);
    if (count > remaining() / min_bytes) {
      fail(std::string(what) + " " + std::to_string(count) + ", expected at most " +
           std::to_string(remaining() / min_bytes) + " in the rest of the file");
    }
    return count;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(path_ + ": " + context + "offset " + std::to_string(at_) + ": " + what);
  }
  [[nodiscard]] uint64_t at() const { return at_; }
  [[nodiscard]] uint64_t remaining() const { return bytes_.size() - at_; }

  std::string context;  // "key ...: " or "tensor ...: " of the entry being read

 private:
  void need(uint64_t n, const char* what) const {
    if (n > remaining()) {
      fail("truncated " + std::string(what) + ": " + std::to_string(n) + " bytes, the file has " +
           std::to_string(remaining()) + " more");
    }
  }
  const std::string& path_;
  std::span<const std::byte> bytes_;
  uint64_t at_ = 0;
};

}  // namespace charter::model
