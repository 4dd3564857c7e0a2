#include "cli/run_temporaries.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <zmq.hpp>

#include "actors/transport/zmq_link.hpp"
#include "actors/wiring.hpp"
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
    const auto& [memory, disk] = temporaries.snapshots();
    for (const auto& path : {memory, disk, temporaries.sockets()})
      EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all) << path;
    EXPECT_EQ(memory.parent_path(), "/dev/shm");
    EXPECT_EQ(disk.parent_path(), run.path());
    EXPECT_EQ(temporaries.sockets().parent_path(), run.path());
    std::ofstream(memory / "policy-1-1.safetensors") << "weights";
  }
  EXPECT_TRUE(left(run.path()).empty());
}

TEST(RunTemporaries, SnapshotsLieInTheRunsDirectoryWhereSharedMemoryIsTooSmall) {
  const store::TempDir run, memory;
  constexpr int64_t kNeeded = int64_t{1} << 60;
  const SharedMemory small{.directory = memory.path(), .needed_bytes = kNeeded};
  {
    const RunTemporaries temporaries(run.path(), id(), small);
    EXPECT_EQ(temporaries.snapshots().memory, temporaries.snapshots().disk);
    EXPECT_EQ(temporaries.snapshots().disk.parent_path(), run.path());
    EXPECT_TRUE(fs::is_empty(memory.path()));
    EXPECT_TRUE(temporaries.shortage().starts_with(memory.path().string() + " has "))
        << temporaries.shortage();
    // 2^60 bytes are 2^40 MiB.
    EXPECT_TRUE(temporaries.shortage().ends_with(
        " MiB free, the snapshots of rl take up to 1099511627776.0 MiB"))
        << temporaries.shortage();
  }
  EXPECT_TRUE(left(run.path()).empty());
}

TEST(RunTemporaries, SharedMemoryThatIsNotThereIsNamed) {
  const store::TempDir run;
  const RunTemporaries temporaries(run.path(), id(), {.directory = run.path() / "none"});
  EXPECT_EQ(temporaries.snapshots().memory, temporaries.snapshots().disk);
  EXPECT_EQ(temporaries.shortage(), (run.path() / "none: No such file or directory").string());
}

TEST(RunTemporaries, SharedMemoryThatSufficesIsNoShortage) {
  const store::TempDir memory;
  EXPECT_EQ(shortage({.directory = memory.path(), .needed_bytes = 1}), "");
}

// A directory below `base` whose path has this many bytes.
fs::path directory_of_length(const fs::path& base, size_t bytes) {
  const auto path = base / std::string(bytes - base.string().size() - 1, 'r');
  fs::create_directory(path);
  return path;
}

// Binds what a run binds: every arrow, at its first and at its last server.
void bind_all(const RunTemporaries& temporaries) {
  zmq::context_t context;
  transport::ZmqTransport transport(context);
  const actors::AddressBook addresses{.ipc_directory = temporaries.sockets().string()};
  for (int arrow = 0; arrow <= static_cast<int>(actors::Arrow::kControl); ++arrow)
    for (const int32_t server : {0, actors::kMaxServers - 1})
      (void)transport.bind({}, addresses.address(static_cast<actors::Arrow>(arrow), server), {});
}

TEST(RunTemporaries, SocketsOfARunBindWhateverTheLengthOfItsPath) {
  const store::TempDir base;
  int own = 0, elsewhere = 0;
  for (size_t bytes = 60; bytes <= 110; ++bytes) {
    const auto run = directory_of_length(base.path(), bytes);
    const RunTemporaries temporaries(run, id());
    EXPECT_NO_THROW(bind_all(temporaries)) << bytes;
    ++(temporaries.sockets().parent_path() == run ? own : elsewhere);
  }
  // "/links-XXXXXX/trajectory-63.data" has 32 bytes: a path of 75 is the longest with 107 in all.
  EXPECT_EQ(own, 16);
  EXPECT_EQ(elsewhere, 35);
}

TEST(RunTemporaries, SocketsLieInTmpWhereTmpdirIsTooLongAsWell) {
  const store::TempDir base;
  const auto run = directory_of_length(base.path(), 100);
  ASSERT_EQ(::setenv("TMPDIR", run.c_str(), 1), 0);
  {
    const RunTemporaries temporaries(run, id());
    EXPECT_EQ(temporaries.sockets().parent_path(), "/tmp");
  }
  ASSERT_EQ(::setenv("TMPDIR", (run / "none").c_str(), 1), 0);
  {
    const RunTemporaries temporaries(run, id());
    EXPECT_EQ(temporaries.sockets().parent_path(), "/tmp");
  }
  ::unsetenv("TMPDIR");
  EXPECT_TRUE(left(run).empty());
}

TEST(RunTemporaries, WhatAnEarlierProcessLeftIsRemoved) {
  const store::TempDir run;
  std::string memory;
  {
    const RunTemporaries temporaries(run.path(), id());
    memory = temporaries.snapshots().memory;
  }
  fs::create_directory(memory.substr(0, memory.rfind('-')) + "-old");
  fs::create_directory(run.path() / "links-old");
  EXPECT_EQ(left(run.path()).size(), 2u);
  { const RunTemporaries temporaries(run.path(), id()); }
  EXPECT_TRUE(left(run.path()).empty());
}

// Of the same id.
TEST(RunTemporaries, ACopyOfALiveRunLeavesItsOwnAlone) {
  const store::TempDir run, copy;
  {
    const RunTemporaries temporaries(run.path(), id());
    { const RunTemporaries others(copy.path(), id()); }
    EXPECT_TRUE(fs::exists(temporaries.snapshots().memory));
  }
  EXPECT_TRUE(left(run.path()).empty());
}

TEST(RunTemporaries, AreRemovedAlsoWhenTheProcessIsKilledAfterItsLastChild) {
  const store::TempDir run;
  const pid_t process = ::fork();
  if (process == 0) {
    const RunTemporaries temporaries(run.path(), id());
    if (::fork() == 0) {  // a worker that outlives it by a moment
      ::usleep(300'000);
      std::ofstream(temporaries.snapshots().memory / "late") << "weights";
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
