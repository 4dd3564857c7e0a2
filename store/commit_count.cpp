#include "store/commit_count.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "store/manifest.hpp"

namespace charter::store {

namespace {

// One width, so that a write replaces the whole: "00000000000000000042 CHECKSUM\n".
std::string text_of(int64_t count) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%020lld", static_cast<long long>(count));
  return std::string(digits) + " " + sum_of(std::string(digits)).xxh3 + "\n";
}

}  // namespace

std::filesystem::path CommitCount::file_of(const std::filesystem::path& database) {
  return database.string() + ".commits";
}

int64_t CommitCount::read(const std::filesystem::path& database) {
  std::ifstream in(file_of(database), std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count > 0 && text == text_of(count) ? count : 0;
}

CommitCount::~CommitCount() {
  if (fd_ >= 0) ::close(fd_);
}

void CommitCount::write(int64_t count) {
  if (fd_ < 0) fd_ = ::open(file_of(database_).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const std::string text = text_of(count);
  if (fd_ >= 0) (void)!::pwrite(fd_, text.data(), text.size(), 0);
}

void CommitCount::sync() {
  if (fd_ >= 0) (void)::fdatasync(fd_);
}

}  // namespace charter::store
