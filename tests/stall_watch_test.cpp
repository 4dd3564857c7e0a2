#include "tests/stall_watch.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <future>
#include <thread>

namespace charter::tests {

// Not in an anonymous namespace: its name is looked for.
[[gnu::noinline]] void waits_at_the_gate(std::promise<void>& here, std::future<void>& gate,
                                         bool& passed) {
  ::pthread_setname_np(::pthread_self(), "waiter");
  here.set_value();
  gate.wait();
  passed = true;  // after the wait: else the call would be its last and leave no frame
}

TEST(StallWatch, SaysWhatEveryOtherThreadIsAt) {
  std::promise<void> here, gate;
  auto opened = gate.get_future();
  bool passed = false;
  std::thread waiter([&] { waits_at_the_gate(here, opened, passed); });
  here.get_future().wait();
  std::string text;
  std::thread asks([&] { text = describe_stall(); });
  asks.join();
  gate.set_value();
  waiter.join();
  EXPECT_TRUE(passed);
  const auto thread = text.find("(waiter):\n");
  ASSERT_NE(thread, std::string::npos) << text;
  EXPECT_NE(text.find("waits_at_the_gate", thread), std::string::npos) << text;
  EXPECT_NE(text.find("SaysWhatEveryOtherThreadIsAt"), std::string::npos) << text;  // joins `asks`
}

TEST(StallWatch, AsksTheWitnessesThatLive) {
  {
    const Witness witness([] { return "ledger/0 (serving)"; });
    EXPECT_EQ(describe_stall().find("  ledger/0 (serving)\n"), 0u);
  }
  EXPECT_EQ(describe_stall().find("ledger/0"), std::string::npos);
}

}  // namespace charter::tests
