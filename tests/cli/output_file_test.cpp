// Where a command's output goes, without the binary.
#include "cli/output_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <stdexcept>

#include "cli/output_target.hpp"
#include "tests/cli/run_charter.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) {
  OutputFile file(path);
  file.stream() << text;
  file.commit();
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

struct stat status_of(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status;
}

size_t files_in(const Scratch& scratch) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(scratch.at("")), fs::directory_iterator()));
}

TEST(OutputFile, AppearsCompleteOrNotAtAll) {
  const Scratch scratch;
  const std::string path = scratch.write("out", "old");
  {
    OutputFile file(path);
    file.stream() << "new";
    file.stream().flush();
    EXPECT_EQ(read_file(path), "old");
    EXPECT_EQ(files_in(scratch), 2u);  // the new one is beside it
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(scratch), 1u);
  write(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(files_in(scratch), 1u);
}

TEST(OutputFile, KeepsModeAndOwner) {
  const Scratch scratch;
  const std::string path = scratch.write("out", "old");
  fs::permissions(path, fs::perms(0640));
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(path.c_str(), 1234, 1235), 0);
  }
  write(path, "new");
  const struct stat now = status_of(path);
  EXPECT_EQ(now.st_mode & 07777, 0640u);
  EXPECT_EQ(now.st_uid, root ? 1234u : ::geteuid());
  EXPECT_EQ(now.st_gid, root ? 1235u : ::getegid());
  // A new file has the modes of any new file.
  const mode_t mask = ::umask(027);
  write(scratch.at("fresh"), "new");
  ::umask(mask);
  EXPECT_EQ(status_of(scratch.at("fresh")).st_mode & 07777, 0640u);
}

TEST(OutputFile, FollowsSymbolicLinks) {
  const Scratch scratch;
  scratch.write("target", "old");
  fs::create_directory(scratch.at("folder"));
  fs::create_symlink("target", scratch.at("near"));
  fs::create_symlink("../near", scratch.at("folder/far"));
  write(scratch.at("folder/far"), "new");
  EXPECT_EQ(read_file(scratch.at("target")), "new");
  EXPECT_TRUE(fs::is_symlink(scratch.at("near")) && fs::is_symlink(scratch.at("folder/far")));
  fs::create_symlink("later", scratch.at("dangling"));
  write(scratch.at("dangling"), "new");
  EXPECT_EQ(read_file(scratch.at("later")), "new");
  fs::create_symlink("loop", scratch.at("loop"));
  EXPECT_EQ(error_of([&] { write(scratch.at("loop"), "x"); }),
            scratch.at("loop") + ": cannot write: Too many levels of symbolic links");
}

TEST(OutputFile, WritesDevicesAndLeavesThem) {
  write("/dev/null", "gone");
  EXPECT_TRUE(S_ISCHR(status_of("/dev/null").st_mode));
  EXPECT_EQ(error_of([] { write("/dev/full", "much"); }),
            "/dev/full: cannot write: No space left on device");
  EXPECT_TRUE(S_ISCHR(status_of("/dev/full").st_mode));
}

TEST(OutputFile, WritesAPipeByName) {
  const Scratch scratch;
  const std::string path = scratch.at("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto read = std::async(std::launch::async, [&path] { return read_file(path); });
  write(path, "through");
  EXPECT_EQ(read.get(), "through");
  EXPECT_TRUE(S_ISFIFO(status_of(path).st_mode));
}

TEST(OutputFile, GoesOnWhereADescriptorStands) {
  const Scratch scratch;
  const std::string path = scratch.write("out", "");
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND);
  ASSERT_EQ(::write(descriptor, "one ", 4), 4);
  write("/dev/fd/" + std::to_string(descriptor), "two ");
  write("/proc/self/fd/" + std::to_string(descriptor), "three");
  EXPECT_EQ(read_file(path), "one two three");
  ::close(descriptor);
  EXPECT_EQ(error_of([&] { write("/dev/fd/" + std::to_string(descriptor), "x"); }),
            "/dev/fd/" + std::to_string(descriptor) + ": cannot write: Bad file descriptor");
  const int reading = ::open(path.c_str(), O_RDONLY);
  EXPECT_EQ(error_of([&] { write("/dev/fd/" + std::to_string(reading), "x"); }),
            "/dev/fd/" + std::to_string(reading) + ": cannot write: Bad file descriptor");
  ::close(reading);
  EXPECT_EQ(output_target("/dev/stdout").descriptor, STDOUT_FILENO);
  EXPECT_TRUE(OutputFile("/dev/stdout").is_stdout());
  EXPECT_FALSE(OutputFile("/dev/stderr").is_stdout());
}

TEST(OutputFile, NamesWhatCannotBeWritten) {
  const Scratch scratch;
  fs::create_directory(scratch.at("folder"));
  EXPECT_EQ(error_of([&] { write(scratch.at("folder"), "x"); }),
            scratch.at("folder") + ": is a directory, expected a file to write");
  EXPECT_EQ(error_of([&] { write(scratch.at("no/out"), "x"); }),
            scratch.at("no/out") + ": cannot write: No such file or directory");
}

// Of root's rights nothing is left to the child; its exit code is what `work` returns.
int as_a_stranger(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    const bool became = ::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
    ::_exit(became ? work() : 99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(OutputFile, WritesInPlaceWhereNothingCanStandBesideIt) {
  const Scratch scratch;
  const std::string path = scratch.write("out", "a longer old text");
  fs::permissions(path, fs::perms(0666));
  fs::permissions(scratch.at(""), fs::perms(0555));  // the folder takes no new file
  EXPECT_EQ(as_a_stranger([&] {
              write(path, "new");
              return 0;
            }),
            0);
  EXPECT_EQ(read_file(path), "new");
  fs::permissions(path, fs::perms(0444));
  EXPECT_EQ(as_a_stranger([&] {
              return error_of([&] { write(path, "x"); }) ==
                             path + ": cannot write: Permission denied"
                         ? 3
                         : 4;
            }),
            3);
  EXPECT_EQ(read_file(path), "new");
  fs::permissions(scratch.at(""), fs::perms::owner_all);
}

}  // namespace
}  // namespace charter::cli
