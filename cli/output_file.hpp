// Lines to a file that appears complete or not at all, or to standard output for "-".
#pragma once
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>

namespace charter::cli {

class OutputFile {
 public:
  // Opens PATH.partial beside it. Throws std::runtime_error naming the path when that fails.
  explicit OutputFile(const std::string& path);
  ~OutputFile();  // without commit(): removes PATH.partial
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] std::ostream& stream();
  [[nodiscard]] bool is_stdout() const { return path_.empty(); }
  // Renames over PATH. Throws std::runtime_error when a write failed (a full disk).
  void commit();

 private:
  std::filesystem::path path_, partial_;  // empty: standard output
  std::ofstream file_;
  bool committed_ = false;
};

}  // namespace charter::cli
