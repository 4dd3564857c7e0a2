#include "actors/transport/sim_link.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

#include "tests/actors/transport/link_helpers.hpp"

namespace charter::transport {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kWindow = 4;
constexpr int kWorkers = 2;
constexpr int kTasks = 40;  // of each worker
constexpr const char* kAddress = "sim://ledger";

// Workers send results to a ledger. Each result is done when its acknowledgement arrives; the
// ledger acknowledges some time after it has committed. Any process may be killed at any moment: a
// worker comes back with what it had not done, the ledger with what it had committed.
class World {
 public:
  World(uint64_t seed, const SimOptions& options, bool crashes)
      : random_(seed), network_(options), crashes_(crashes) {
    for (int w = 0; w < kWorkers; ++w) {
      for (int t = 0; t < kTasks; ++t) {
        workers_[w].todo.push_back(std::to_string(w) + "-" + std::to_string(t));
      }
      start_worker(w);
    }
    start_ledger();
  }

  bool run() {
    for (int step = 0; step < 20000 && !done(); ++step) {
      if (crashes_ && step < 1000 && random_() % 150 == 0) {
        const uint64_t victim = random_() % (kWorkers + 1);
        victim == kWorkers ? start_ledger() : start_worker(static_cast<int>(victim));
      }
      for (Worker& worker : workers_) push(worker);
      acknowledge_some();
      network_.advance(milliseconds(2));
    }
    return done();
  }

  bool done() const {
    for (const Worker& worker : workers_) {
      if (!worker.todo.empty() || !worker.sent.empty()) return false;
    }
    return true;
  }
  const std::map<std::string, int>& deliveries() const { return deliveries_; }
  int crashes() const { return restarts_ - kWorkers - 1; }
  const LinkStats ledger_stats() const { return ledger_.transport->stats(ledger_.link); }

 private:
  struct Worker {
    std::unique_ptr<SimTransport> transport;
    LinkId link = 0;
    PeerId peer = 0;
    std::deque<std::string> todo;
    std::map<uint64_t, std::string> sent;
  };
  struct LedgerSide {
    std::unique_ptr<SimTransport> transport;
    LinkId link = 0;
    std::set<std::pair<PeerId, uint64_t>> seen;
    std::map<PeerId, int64_t> held;
    std::vector<std::pair<PeerId, uint64_t>> to_acknowledge;
  };

  void start_worker(int w) {
    ++restarts_;
    Worker& worker = workers_[w];
    worker.transport.reset();
    for (auto& [sequence, task] : worker.sent) worker.todo.push_back(task);
    worker.sent.clear();
    worker.peer = 0;
    worker.transport = std::make_unique<SimTransport>(network_);
    LinkEvents events;
    events.peer_up = [&worker](PeerId peer, const Hello&) { worker.peer = peer; };
    events.acked = [&worker](PeerId, uint64_t sequence) {
      EXPECT_EQ(worker.sent.erase(sequence), 1u);
    };
    worker.link =
        worker.transport->connect(test_options("rollout", w), kAddress, std::move(events));
  }

  void start_ledger() {
    ++restarts_;
    ledger_ = {};
    ledger_.transport = std::make_unique<SimTransport>(network_);
    LinkOptions options = test_options("ledger");
    options.initial_credit = kWindow;
    LinkEvents events;
    events.delivered = [this](PeerId peer, uint64_t sequence, uint16_t, std::string body,
                              std::vector<Blob> blobs) {
      EXPECT_TRUE(ledger_.seen.emplace(peer, sequence).second) << "delivered twice";
      EXPECT_LE(++ledger_.held[peer], kWindow) << "credit exceeded";
      ASSERT_EQ(blobs.size(), 1u);
      EXPECT_EQ(blobs[0].size, body.size() * sizeof(float));
      ++deliveries_[body];
      ledger_.to_acknowledge.emplace_back(peer, sequence);
    };
    ledger_.link = ledger_.transport->bind(options, kAddress, std::move(events));
  }

  void push(Worker& worker) {
    while (!worker.todo.empty()) {
      const std::string body = worker.todo.front();
      const auto sequence = worker.transport->send(
          worker.link, worker.peer, 1, body, {Blob::take(std::vector<float>(body.size(), 1.0f))});
      if (!sequence) return;
      worker.todo.pop_front();
      worker.sent.emplace(*sequence, body);
      EXPECT_LE(static_cast<int64_t>(worker.sent.size()), kWindow) << "credit exceeded";
    }
  }

  void acknowledge_some() {
    auto& waiting = ledger_.to_acknowledge;
    for (size_t i = 0; i < waiting.size();) {
      if (random_() % 4 != 0) {
        ++i;
        continue;
      }
      const auto [peer, sequence] = waiting[i];
      waiting.erase(waiting.begin() + static_cast<int64_t>(i));
      --ledger_.held[peer];
      ledger_.transport->acknowledge(ledger_.link, peer, sequence);
    }
  }

  std::mt19937_64 random_;
  SimNetwork network_;
  const bool crashes_;
  int restarts_ = 0;
  Worker workers_[kWorkers];
  LedgerSide ledger_;
  std::map<std::string, int> deliveries_;
};

SimOptions rough(uint64_t seed) {
  return {.seed = seed,
          .loss = 0.05 * static_cast<double>(seed % 6),
          .duplicate = 0.1 * static_cast<double>(seed % 4),
          .min_delay = std::chrono::microseconds(100),
          .max_delay = std::chrono::milliseconds(1 + static_cast<int64_t>(seed % 20))};
}

TEST(SimLink, EveryMessageIsDeliveredExactlyOnceOverARoughNetwork) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    World world(seed, rough(seed), false);
    ASSERT_TRUE(world.run()) << "seed " << seed << " does not finish";
    ASSERT_EQ(world.deliveries().size(), size_t{kWorkers * kTasks}) << "seed " << seed;
    for (const auto& [body, times] : world.deliveries()) {
      ASSERT_EQ(times, 1) << body << ", seed " << seed;
    }
    ASSERT_EQ(world.ledger_stats().data_delivered, uint64_t{kWorkers * kTasks});
    ASSERT_EQ(world.ledger_stats().malformed, 0u);
  }
}

TEST(SimLink, NothingIsLostWhenProcessesAreKilled) {
  int crashes = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    World world(seed, rough(seed), true);
    ASSERT_TRUE(world.run()) << "seed " << seed << " does not finish";
    ASSERT_EQ(world.deliveries().size(), size_t{kWorkers * kTasks}) << "seed " << seed;
    crashes += world.crashes();
  }
  EXPECT_GT(crashes, 60);
}

TEST(SimLink, TheSameSeedGivesTheSameRun) {
  uint64_t carried[2];
  for (uint64_t& count : carried) {
    SimNetwork network({.seed = 9, .loss = 0.2, .duplicate = 0.2});
    SimTransport one(network), two(network);
    Recorder client;
    const LinkId bound = one.bind(test_options("reward"), "sim://a", {});
    (void)two.connect(test_options("rollout"), "sim://a", client.events());
    network.advance(std::chrono::seconds(2));
    EXPECT_EQ(client.ups.size(), 1u);
    EXPECT_EQ(one.stats(bound).peers_up, 1u);
    count = network.frames_carried();
  }
  EXPECT_EQ(carried[0], carried[1]);
}

TEST(SimLink, APartitionTakesBothDownAndHeals) {
  SimNetwork network({});
  SimTransport one(network), two(network);
  Recorder server, client;
  LinkOptions options = test_options("reward");
  options.initial_credit = 2;
  (void)one.bind(options, "sim://a", server.events());
  const LinkId link = two.connect(test_options("rollout"), "sim://a", client.events());
  network.advance(milliseconds(50));
  network.partition(true);
  ASSERT_TRUE(two.send(link, client.peer(), 1, "during"));
  network.advance(milliseconds(500));
  EXPECT_EQ(client.downs.size(), 1u);
  EXPECT_EQ(server.downs.size(), 1u);
  network.partition(false);
  network.advance(milliseconds(100));
  ASSERT_EQ(server.messages.size(), 1u);
  EXPECT_EQ(client.ups.size(), 2u);
  EXPECT_EQ(client.credit, 1);
}

TEST(SimLink, TheBindSideGivesUpOnAPeerThatStaysAway) {
  SimNetwork network({});
  SimTransport one(network);
  auto two = std::make_unique<SimTransport>(network);
  Recorder server;
  LinkOptions options = test_options("rollout");
  options.initial_credit = 2;
  const LinkId bound = one.bind(test_options("prompt_source"), "sim://a", server.events());
  (void)two->connect(options, "sim://a", {});
  network.advance(milliseconds(50));
  const auto sequence = one.send(bound, server.peer(), 1, "lease");
  ASSERT_TRUE(sequence);
  two->crash();
  network.advance(milliseconds(2000));  // deadline 400 ms, then retention 2000 ms
  EXPECT_EQ(server.downs.size(), 1u);
  EXPECT_TRUE(server.lost.empty());
  network.advance(milliseconds(600));
  EXPECT_EQ(server.lost, std::vector<uint64_t>{*sequence});
  EXPECT_EQ(one.stats(bound).lost, 1u);
}

TEST(SimLink, ANewProcessInTheSamePlaceReplacesTheOldOneAtOnce) {
  SimNetwork network({});
  SimTransport one(network);
  auto two = std::make_unique<SimTransport>(network);
  Recorder server;
  LinkOptions options = test_options("rollout", 1);
  options.initial_credit = 2;
  const LinkId bound = one.bind(test_options("prompt_source"), "sim://a", server.events());
  (void)two->connect(options, "sim://a", {});
  network.advance(milliseconds(50));
  const PeerId first = server.peer();
  const auto sequence = one.send(bound, first, 1, "lease");
  ASSERT_TRUE(sequence);
  network.advance(milliseconds(5));
  two = std::make_unique<SimTransport>(network);
  (void)two->connect(options, "sim://a", {});
  network.advance(milliseconds(50));
  EXPECT_EQ(server.lost, std::vector<uint64_t>{*sequence});
  ASSERT_EQ(server.downs.size(), 1u);
  EXPECT_EQ(server.downs[0].first, first);
  EXPECT_NE(server.peer(), first);
  EXPECT_FALSE(one.send(bound, first, 1, "to the old one"));
  EXPECT_TRUE(one.send(bound, server.peer(), 1, "to the new one"));
}

}  // namespace
}  // namespace charter::transport
