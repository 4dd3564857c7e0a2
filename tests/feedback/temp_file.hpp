// A file with given bytes that goes away with the test, and the places of committed and real data.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace charter::feedback {

class TempFile {
 public:
  TempFile(const std::string& name, std::string_view bytes)
      : directory_(std::filesystem::temp_directory_path() /
                   ("charter-feedback-" + std::to_string(::getpid()))),
        path_(directory_ / name) {
    std::filesystem::create_directories(directory_);
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TempFile() { std::filesystem::remove_all(directory_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path directory_;
  std::filesystem::path path_;
};

// what() of the std::runtime_error that `call` throws, without the directory of `file`; "" if none.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    std::string text = error.what();
    const std::string directory = (std::filesystem::temp_directory_path() /
                                   ("charter-feedback-" + std::to_string(::getpid())))
                                      .string() +
                                  "/";
    if (text.starts_with(directory)) text.erase(0, directory.size());
    return text;
  }
  return "";
}

inline std::filesystem::path config_path(const char* name) {
  return std::filesystem::path(CHARTER_SOURCE_DIR) / "config" / name;
}

inline std::filesystem::path shared_data(const char* name) {
  return std::filesystem::path(CHARTER_SOURCE_DIR) / ".." / "shared" / "data" / name;
}

}  // namespace charter::feedback

// Skips the running test where the public research data is not beside the project.
#define CHARTER_NEED_DATA(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << (path).string()
