// Text to where a user wants it: a regular file appears complete or not at all, with the mode and
// the owner that it had; a device, a pipe and an open descriptor are written as they are.
#pragma once
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "cli/descriptor_buffer.hpp"

namespace charter::cli {

class OutputFile {
 public:
  // "-" is standard output. A regular file gets a new one beside it. Where that is not possible (a
  // folder that cannot be written, an owner that cannot be kept) it is written in place. Throws
  // std::runtime_error naming the path when that fails.
  explicit OutputFile(const std::string& path);
  ~OutputFile();  // without commit(): removes the new file
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Throws std::runtime_error naming path and reason as soon as a write fails.
  [[nodiscard]] std::ostream& stream() { return *stream_; }
  [[nodiscard]] bool is_stdout() const { return is_stdout_; }
  // Makes what was written last, and renames it over the file. Throws as stream().
  void commit();

 private:
  void open_target(const std::string& path);
  void open_beside();
  void open_in_place();
  [[noreturn]] void fail(int error) const;

  class Buffer;
  std::string name_;               // in errors
  std::filesystem::path target_;   // regular: behind all links
  std::filesystem::path partial_;  // the new file, while it is there; else empty
  int descriptor_ = -1;            // ours
  bool is_stdout_ = false;
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<std::ostream> stream_;
};

}  // namespace charter::cli
