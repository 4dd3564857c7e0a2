#include "actors/actor_host.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "actors/ports.hpp"
#include "tests/actors/idle_transport.hpp"

namespace charter::actors {
namespace {

using Serving = caf::typed_actor<caf::reacts_to<LinkEvent>, caf::reacts_to<FinishRole>>;

struct ServingState {
  static constexpr const char* name = "serving";
  Ports ports;
};

Serving::behavior_type serving(Serving::stateful_pointer<ServingState> self, Wiring wiring) {
  self->state.ports = Ports(std::move(wiring), "ledger", 0);
  self->state.ports.bind<>(caf::actor_cast<Serving>(self), Arrow::kRecord, 0, 0);
  self->state.ports.say({.state = "serving"});
  return {[](const LinkEvent&) {}, [self](FinishRole) { self->quit(); }};
}

// What a host told, and a gate that opens when it told enough.
class Told {
 public:
  void add(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
    changed_.notify_all();
  }
  void wait(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lines_.size() >= count; });
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

class ActorHostTest : public testing::Test {
 protected:
  HostOptions options() {
    return {.patience = std::chrono::milliseconds(1),
            .deadline = std::chrono::seconds(0),
            .tell = [this](const std::string& line) { told.add(line); },
            .give_up = [this] { given_up.add("given up"); }};
  }
  std::shared_ptr<transport::IdleTransport> wire = std::make_shared<transport::IdleTransport>();
  Wiring wiring{.transport = wire};
  Told told, given_up;
};

TEST_F(ActorHostTest, EndsInSilenceWhenNobodyIsLeft) {
  auto o = options();
  o.patience = std::chrono::hours(1);
  {
    ActorHost host(wiring.roster, wire, o);
    caf::anon_send(host.system().spawn<caf::detached>(serving, wiring), FinishRole{});
  }
  EXPECT_TRUE(told.lines().empty());
  EXPECT_TRUE(given_up.lines().empty());
}

TEST_F(ActorHostTest, AnExceptionInItsScopeEndsTheActorsAndGoesOn) {
  const auto scope = [&] {
    auto o = options();
    o.patience = std::chrono::hours(1);
    ActorHost host(wiring.roster, wire, o);
    const auto one = host.system().spawn<caf::detached>(serving, wiring);
    throw std::runtime_error("the view cannot write");
  };
  EXPECT_THROW(scope(), std::runtime_error);
  EXPECT_EQ(wiring.roster->who(nullptr), "nobody");
}

// A handle that outlives the host is what it waits for; it says so, gives up, and ends when it
// goes.
TEST_F(ActorHostTest, SaysWhoIsHeldAndGivesUpAfterTheDeadline) {
  Serving held;
  std::thread releases;
  {
    ActorHost host(wiring.roster, wire, options());
    held = host.system().spawn<caf::detached>(serving, wiring);
    caf::scoped_actor self(host.system());
    self->send(held, FinishRole{});
    self->wait_for(held);
    while (wiring.roster->who(nullptr) != "ledger/0 (ended, held 1 time)")
      std::this_thread::yield();  // its own thread may be about to leave it
    releases = std::thread([&] {
      given_up.wait(1);
      held = nullptr;
    });
  }
  releases.join();
  ASSERT_EQ(told.lines().size(), 1u);
  EXPECT_EQ(told.lines()[0], "the actors have not ended after 0 s: ledger/0 (ended, held 1 time)");
  EXPECT_EQ(given_up.lines().size(), 1u);
}

TEST_F(ActorHostTest, WhoIsInAHurryIsNotKeptWaiting) {
  Serving held;
  std::thread releases;
  int asked = 0;
  {
    auto o = options();
    o.patience = o.deadline = std::chrono::hours(1);
    o.hurry = [&asked] { return ++asked == 2; };
    ActorHost host(wiring.roster, wire, o);
    held = host.system().spawn<caf::detached>(serving, wiring);
    releases = std::thread([&] {
      given_up.wait(1);
      held = nullptr;
    });
  }
  releases.join();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(given_up.lines().size(), 1u);
}

TEST_F(ActorHostTest, SaysItAgainUntilTheDeadline) {
  Serving held;
  std::thread releases;
  {
    auto o = options();
    o.deadline = std::chrono::hours(1);
    ActorHost host(wiring.roster, wire, o);
    held = host.system().spawn<caf::detached>(serving, wiring);
    releases = std::thread([&] {
      told.wait(3);
      held = nullptr;
    });
  }
  releases.join();
  EXPECT_GE(told.lines().size(), 3u);
  EXPECT_TRUE(given_up.lines().empty());
}

}  // namespace
}  // namespace charter::actors
