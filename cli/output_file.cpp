#include "cli/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "cli/output_target.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

// A new file in the folder of `target`, with the modes of any new file.
int open_new(const fs::path& target, fs::path& made) {
  for (int i = 0; i < 1000; ++i) {
    made = target.parent_path() /
           (".charter-" + std::to_string(::getpid()) + "-" + std::to_string(i) + ".partial");
    const int descriptor = ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

// Whether the new file could be given owner and mode of the old one.
bool take_over(int descriptor, const struct stat& old) {
  struct stat made = {};
  if (::fstat(descriptor, &made) != 0) return false;
  const bool other = made.st_uid != old.st_uid || made.st_gid != old.st_gid;
  if (other && ::fchown(descriptor, old.st_uid, old.st_gid) != 0) return false;
  return ::fchmod(descriptor, old.st_mode & 07777) == 0;
}

// False with errno where one of the two fails.
bool copy_over(const fs::path& from, const fs::path& to) {
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(to.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  std::array<char, 1 << 16> chunk;
  ssize_t got = in < 0 || out < 0 ? -1 : 0;
  while (got >= 0 && (got = ::read(in, chunk.data(), chunk.size())) > 0) {
    if (::write(out, chunk.data(), static_cast<size_t>(got)) != got) got = -1;
  }
  const int error = errno;
  if (in >= 0) ::close(in);
  if (out >= 0 && ::close(out) != 0) got = -1;
  if (got < 0) errno = error;
  return got == 0;
}

}  // namespace

// Ends the writer at the first write that fails, in the words of the output's errors.
class OutputFile::Buffer : public DescriptorBuffer {
 public:
  explicit Buffer(const OutputFile& file) : DescriptorBuffer(file.descriptor_), file_(file) {}

 protected:
  int_type overflow(int_type c) override {
    const int_type result = DescriptorBuffer::overflow(c);
    check();
    return result;
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    const std::streamsize result = DescriptorBuffer::xsputn(text, size);
    check();
    return result;
  }
  int sync() override {
    const int result = DescriptorBuffer::sync();
    check();
    return result;
  }

 private:
  void check() const {
    if (error() != 0) file_.fail(error());
  }
  const OutputFile& file_;
};

OutputFile::OutputFile(const std::string& path) : name_(path == "-" ? "standard output" : path) {
  open_target(path);
  buffer_ = std::make_unique<Buffer>(*this);
  stream_ = std::make_unique<std::ostream>(buffer_.get());
  stream_->exceptions(std::ios::badbit);
}

void OutputFile::open_target(const std::string& path) {
  const OutputTarget found = path == "-"
                                 ? OutputTarget{OutputTarget::Kind::kDescriptor, {}, STDOUT_FILENO}
                                 : output_target(path);
  switch (found.kind) {
    case OutputTarget::Kind::kDescriptor: {
      const int modes = ::fcntl(found.descriptor, F_GETFL);
      if (modes < 0 || (modes & O_ACCMODE) == O_RDONLY) fail(EBADF);
      is_stdout_ = found.descriptor == STDOUT_FILENO;
      if (is_stdout_) std::cout.flush();
      descriptor_ = ::fcntl(found.descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
      break;
    }
    case OutputTarget::Kind::kWritten:
      descriptor_ = ::open(found.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
      break;
    case OutputTarget::Kind::kReplaced:
      target_ = found.path;
      open_beside();
      break;
  }
  if (descriptor_ < 0) fail(errno);
}

void OutputFile::open_beside() {
  struct stat old = {};
  const bool there = ::stat(target_.c_str(), &old) == 0;
  if (there && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) fail(errno);
  descriptor_ = open_new(target_, partial_);
  if (descriptor_ < 0) {
    const int error = errno;
    partial_.clear();
    if (!there || (error != EACCES && error != EPERM && error != EROFS)) fail(error);
    return open_in_place();
  }
  if (!there || take_over(descriptor_, old)) return;
  ::close(descriptor_);
  ::unlink(partial_.c_str());
  partial_.clear();
  open_in_place();
}

void OutputFile::open_in_place() {
  descriptor_ = ::open(target_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
}

void OutputFile::fail(int error) const {
  throw std::runtime_error(name_ + ": cannot write: " + std::strerror(error));
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!partial_.empty()) ::unlink(partial_.c_str());
}

void OutputFile::commit() {
  stream_->flush();
  if (buffer_->error() != 0) fail(buffer_->error());
  const bool replaced = !partial_.empty();
  if (replaced && ::fsync(descriptor_) != 0 && errno != EINVAL) fail(errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);
  if (!replaced) return;
  if (::rename(partial_.c_str(), target_.c_str()) == 0) return partial_.clear();
  // A file that is mounted into a container by itself has no name to give away.
  if (errno != EBUSY || !copy_over(partial_, target_)) fail(errno);
}

}  // namespace charter::cli
