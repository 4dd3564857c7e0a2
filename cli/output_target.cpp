#include "cli/output_target.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace charter::cli {
namespace {

namespace fs = std::filesystem;
using Kind = OutputTarget::Kind;

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// /proc/PID/fd/N or /proc/PID/task/TID/fd/N.
std::optional<OutputTarget> descriptor_target(const fs::path& path) {
  const std::optional<int> descriptor = number(path.filename().string());
  if (!descriptor) return std::nullopt;
  std::error_code none;
  const fs::path folder = fs::canonical(path.parent_path(), none);
  std::vector<std::string> parts;
  for (const fs::path& part : folder) parts.push_back(part.string());
  const bool of_task = parts.size() == 6 && parts[3] == "task";
  if ((parts.size() != 4 && !of_task) || parts[1] != "proc" || parts.back() != "fd")
    return std::nullopt;
  const bool own = number(parts[2]) == ::getpid();
  return OutputTarget{own ? Kind::kDescriptor : Kind::kWritten, path, own ? *descriptor : -1};
}

}  // namespace

OutputTarget output_target(const fs::path& path) {
  fs::path at = path;
  constexpr int kLinks = 40;  // as many as Linux follows
  for (int i = 0; i <= kLinks; ++i) {
    if (at.has_filename() && !at.has_parent_path()) at = "." / at;
    if (const auto open = descriptor_target(at)) return *open;
    struct stat status = {};
    if (::lstat(at.c_str(), &status) != 0) return {Kind::kReplaced, at, -1};
    if (S_ISDIR(status.st_mode))
      throw std::runtime_error(path.string() + ": is a directory, expected a file to write");
    if (S_ISREG(status.st_mode)) return {Kind::kReplaced, at, -1};
    if (!S_ISLNK(status.st_mode)) return {Kind::kWritten, at, -1};
    at = at.parent_path() / fs::read_symlink(at);  // an absolute one stands alone
  }
  throw std::runtime_error(path.string() + ": cannot write: " + std::strerror(ELOOP));
}

}  // namespace charter::cli
