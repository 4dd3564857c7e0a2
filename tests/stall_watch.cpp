#include "tests/stall_watch.hpp"

#include <cxxabi.h>
#include <execinfo.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace charter::tests {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // half of what ctest gives a test
constexpr int kFrames = 48;

struct Witnesses {
  std::mutex mutex;
  std::map<const Witness*, std::function<std::string()>> says;
};

Witnesses& witnesses() {
  static auto* all = new Witnesses;  // asked by a thread that may outlive every static
  return *all;
}

// One thread at a time is asked; its handler writes here.
void* frames[kFrames];
std::atomic<int> frame_count{-1};

extern "C" void note_frames(int) { frame_count = ::backtrace(frames, kFrames); }

int ask_signal() { return SIGRTMIN + 6; }

// "charter::actors::node(...)" of "test(_ZN7charter...+0x1f) [0x55d0]".
std::string readable(const std::string& symbol) {
  const auto begin = symbol.find('('), end = symbol.find('+', begin);
  if (begin == std::string::npos || end == std::string::npos) return symbol;
  const auto mangled = symbol.substr(begin + 1, end - begin - 1);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  if (name) return name.get();
  return mangled.empty() ? symbol : mangled;
}

std::string calls_of(pid_t thread) {
  frame_count = -1;
  if (::syscall(SYS_tgkill, ::getpid(), thread, ask_signal()) != 0) return "    gone\n";
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (frame_count < 0) {
    if (std::chrono::steady_clock::now() > end) return "    does not answer\n";
    std::this_thread::yield();
  }
  const int count = frame_count;
  const std::unique_ptr<char*, decltype(&std::free)> symbols(::backtrace_symbols(frames, count),
                                                             &std::free);
  std::string text;
  for (int i = 2; symbols && i < count; ++i)  // after the handler and the signal's frame
    text += "    " + readable(symbols.get()[i]) + "\n";
  return text;
}

void catch_ask_signal() {
  void* primed[1];
  (void)::backtrace(primed, 1);  // the first call loads a library, which no handler may
  struct sigaction action = {};
  action.sa_handler = note_frames;
  action.sa_flags = SA_RESTART;
  ::sigaction(ask_signal(), &action, nullptr);
}

// Shared with the watching thread, which is not waited for: a test's forked child has none.
struct Running {
  std::mutex mutex;
  std::condition_variable changed;
  std::string test;
  std::chrono::steady_clock::time_point began;
  int64_t number = 0;  // of the test
  bool over = false;
};

void watch(const std::shared_ptr<Running>& running) {
  std::unique_lock lock(running->mutex);
  while (!running->over) {
    const auto number = running->number;
    const bool changed = running->changed.wait_for(
        lock, kPatience, [&] { return running->over || running->number != number; });
    if (changed || running->test.empty()) continue;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::steady_clock::now() - running->began);
    std::cerr << running->test + " has run for " + std::to_string(seconds.count()) + " s\n" +
                     describe_stall()
              << std::flush;
  }
}

class StallWatch final : public testing::EmptyTestEventListener {
 public:
  void OnTestProgramStart(const testing::UnitTest&) override {
    catch_ask_signal();
    std::thread(watch, running_).detach();
  }
  void OnTestStart(const testing::TestInfo& info) override {
    set(std::string(info.test_suite_name()) + "." + info.name());
  }
  void OnTestEnd(const testing::TestInfo&) override { set(""); }
  void OnTestProgramEnd(const testing::UnitTest&) override {
    const std::lock_guard lock(running_->mutex);
    running_->over = true;
    running_->changed.notify_all();
  }

 private:
  void set(std::string test) {
    const std::lock_guard lock(running_->mutex);
    running_->test = std::move(test);
    running_->began = std::chrono::steady_clock::now();
    ++running_->number;
    running_->changed.notify_all();
  }
  std::shared_ptr<Running> running_ = std::make_shared<Running>();
};

[[maybe_unused]] const bool installed = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new StallWatch);
  return true;
}();

}  // namespace

Witness::Witness(std::function<std::string()> says) {
  const std::lock_guard lock(witnesses().mutex);
  witnesses().says[this] = std::move(says);
}

Witness::~Witness() {
  const std::lock_guard lock(witnesses().mutex);
  witnesses().says.erase(this);
}

std::string describe_stall() {
  std::string text;
  {
    const std::lock_guard lock(witnesses().mutex);
    for (const auto& [witness, says] : witnesses().says) text += "  " + says() + "\n";
  }
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const auto thread = static_cast<pid_t>(std::stol(task.path().filename().string()));
    if (thread == ::syscall(SYS_gettid)) continue;
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    text += "  thread " + std::to_string(thread) + " (" + name + "):\n" + calls_of(thread);
  }
  return text;
}

}  // namespace charter::tests
