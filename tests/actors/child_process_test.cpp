#include "actors/child_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class StartProcess : public testing::Test {
 protected:
  // What the program wrote, once it has ended.
  std::string run(const std::vector<std::string>& arguments, const std::string& input) const {
    const pid_t pid = start_process(arguments, log, input);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
    std::ifstream in(log, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  store::TempDir directory;
  std::filesystem::path log = directory.path() / "engine.log";
};

TEST_F(StartProcess, GivesItsInputThereAndNowhereElse) {
  EXPECT_EQ(run({"/bin/cat"}, "secret\n"), "secret\n");
  std::filesystem::remove(log);
  const auto told = run({"/bin/sh", "-c", "tr '\\0' '\\n' </proc/$$/cmdline; env"}, "secret\n");
  EXPECT_NE(told.find("/bin/sh"), std::string::npos) << told;
  EXPECT_EQ(told.find("secret"), std::string::npos) << told;
}

// Then the pipe has the number that the child is to read from.
TEST_F(StartProcess, GivesItsInputAlsoWhereStandardInputIsClosed) {
  const int kept = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  ::close(STDIN_FILENO);
  EXPECT_EQ(run({"/bin/cat"}, "secret\n"), "secret\n");
  if (kept < 0) return;  // it was closed before
  ::dup2(kept, STDIN_FILENO);
  ::close(kept);
}

TEST_F(StartProcess, ItsLogIsForItsOwnerAlone) {
  const mode_t before = ::umask(0);
  (void)run({"/bin/true"}, "");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(log.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(StartProcess, InputThatAPipeDoesNotHoldIsRefused) {
  EXPECT_EQ(run({"/usr/bin/wc", "-c"}, std::string(4096, 'x')), "4096\n");
  EXPECT_THROW((void)start_process({"/bin/cat"}, log, std::string(4097, 'x')), std::runtime_error);
}

class LastLine : public testing::Test {
 protected:
  std::string of(const std::string& text, std::uintmax_t from = 0) {
    std::ofstream(log, std::ios::binary) << text;
    return last_line(log, from);
  }
  store::TempDir directory;
  std::filesystem::path log = directory.path() / "engine.log";
};

TEST_F(LastLine, IsTheLastThatSaysSomething) {
  EXPECT_EQ(of("one\ntwo\n\n"), "two");
  EXPECT_EQ(of("one\ntwo"), "two");
  EXPECT_EQ(of("\n\n"), "");
  EXPECT_EQ(of(""), "");
  EXPECT_EQ(last_line(directory.path() / "none", 0), "");
}

TEST_F(LastLine, IsOfThisProcess) {
  EXPECT_EQ(of("of an earlier one\n", 18), "");
  EXPECT_EQ(of("of an earlier one\nof this\n", 18), "of this");
  EXPECT_EQ(of("cut back\n", 18), "");
}

TEST_F(LastLine, IsOneLineOfBoundedLength) {
  EXPECT_EQ(of("a\x1b[31mred\r\tb\n"), "a[31mredb");
  EXPECT_EQ(of(std::string(1000, 'x') + "\n"), std::string(300, 'x'));
  EXPECT_EQ(of(std::string(100'000, 'y') + "\nlast\n"), "last");
}

}  // namespace
}  // namespace charter::actors
