#include "cli/run_temporaries.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tests/store/temp_dir.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

const std::string& id() {
  static const std::string value = "test" + std::to_string(::getpid());
  return value;
}

std::vector<fs::path> left(const fs::path& run) {
  std::vector<fs::path> found;
  for (const fs::path& base : {fs::path("/dev/shm"), fs::temp_directory_path()})
    for (const auto& entry : fs::directory_iterator(base))
      if (entry.path().filename().string().starts_with("charter-" + id()))
        found.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(run)) found.push_back(entry.path());
  return found;
}

TEST(RunTemporaries, AreTheirOwnersAloneAndGoWithTheObject) {
  const store::TempDir run;
  {
    const RunTemporaries temporaries(run.path(), id());
    for (const auto& path : {temporaries.shared_memory(), temporaries.sockets()})
      EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all) << path;
    EXPECT_EQ(temporaries.sockets().parent_path(), run.path());
    std::ofstream(temporaries.shared_memory() / "policy-1-1.safetensors") << "weights";
  }
  EXPECT_TRUE(left(run.path()).empty());
}

TEST(RunTemporaries, SocketsOfARunWithALongPathLieElsewhere) {
  const store::TempDir directory;
  const auto run =
      directory.path() / std::string(100, 'r');  // a socket's path has at most 107 bytes
  fs::create_directory(run);
  {
    const RunTemporaries temporaries(run, id());
    EXPECT_EQ(temporaries.sockets().parent_path(), fs::temp_directory_path());
  }
  EXPECT_TRUE(left(run).empty());
}

TEST(RunTemporaries, WhatAnEarlierProcessLeftIsRemoved) {
  const store::TempDir run;
  fs::create_directory("/dev/shm/charter-" + id() + "-old");
  fs::create_directory(run.path() / "links-old");
  { const RunTemporaries temporaries(run.path(), id()); }
  EXPECT_TRUE(left(run.path()).empty());
}

TEST(RunTemporaries, AreRemovedAlsoWhenTheProcessIsKilledAfterItsLastChild) {
  const store::TempDir run;
  const pid_t process = ::fork();
  if (process == 0) {
    const RunTemporaries temporaries(run.path(), id());
    if (::fork() == 0) {  // a worker that outlives it by a moment
      ::usleep(300'000);
      std::ofstream(temporaries.shared_memory() / "late") << "weights";
      ::_exit(0);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  EXPECT_FALSE(left(run.path()).empty());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!left(run.path()).empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(left(run.path()).empty());
}

}  // namespace
}  // namespace charter::cli
