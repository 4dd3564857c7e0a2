#include "cli/output_file.hpp"

#include <cerrno>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <system_error>

namespace charter::cli {

OutputFile::OutputFile(const std::string& path) {
  if (path == "-") return;
  path_ = path;
  partial_ = path + ".partial";
  if (std::filesystem::is_directory(path_)) {
    throw std::runtime_error(path + ": is a directory, expected a file to write");
  }
  errno = 0;
  file_.open(partial_, std::ios::binary | std::ios::trunc);
  if (!file_) throw std::runtime_error(path + ": cannot write: " + std::strerror(errno));
}

OutputFile::~OutputFile() {
  if (is_stdout() || committed_) return;
  file_.close();
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
}

std::ostream& OutputFile::stream() {
  if (is_stdout()) return std::cout;
  return file_;
}

void OutputFile::commit() {
  stream().flush();
  if (!stream()) {
    throw std::runtime_error((is_stdout() ? "standard output" : path_.string()) + ": cannot write");
  }
  if (is_stdout()) return;
  file_.close();
  std::filesystem::rename(partial_, path_);
  committed_ = true;
}

}  // namespace charter::cli
