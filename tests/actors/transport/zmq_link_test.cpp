#include "actors/transport/zmq_link.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "actors/transport/codec.hpp"
#include "actors/transport/frame.hpp"
#include "actors/transport/frame_parts.hpp"
#include "tests/actors/transport/link_helpers.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::transport {
namespace {

using std::chrono::milliseconds;

// ZeroMQ leaves the files of its sockets; they go with this process.
std::string ipc_address(const std::string& name) {
  static const store::TempDir directory;
  return "ipc://" + (directory.path() / name).string();
}

const RunKey key = make_run_key();  // of the processes that this one plays

// What a socket of the run sets before it connects.
void join_run(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::curve_serverkey, key.shared);
  socket.set(zmq::sockopt::curve_publickey, key.shared);
  socket.set(zmq::sockopt::curve_secretkey, key.secret);
}

// The same rules hold over every carrier.
class ZmqLink : public testing::TestWithParam<const char*> {
 protected:
  std::string address() const {
    const std::string kind = GetParam();
    if (kind == "inproc") return "inproc://link";
    if (kind == "ipc") return ipc_address("link");
    return "tcp://127.0.0.1:*";
  }
  zmq::context_t context;
};

INSTANTIATE_TEST_SUITE_P(Carriers, ZmqLink, testing::Values("inproc", "ipc", "tcp"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(ZmqLink, DeliversBodyAndBlobsAndReturnsTheAcknowledgement) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 4;
  options.self.options = "{\"beta\":1}";
  const LinkId bound = there.bind(options, address(), server.events());
  const LinkId link =
      here.connect(test_options("rollout", 3), there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 4; }));
  EXPECT_EQ(client.ups[0].second.role, "reward");
  EXPECT_EQ(client.ups[0].second.options, "{\"beta\":1}");

#ifdef __SANITIZE_THREAD__
  constexpr size_t kFloats = 1 << 14;  // checking 4 MiB takes longer than the peer's deadline there
#else
  constexpr size_t kFloats = 1 << 20;
#endif
  const Blob big = Blob::take(std::vector<float>(kFloats, 0.5f));
  const auto sequence =
      here.send(link, client.peer(), 7, "body", {big, Blob::take(std::string("x"))});
  ASSERT_TRUE(sequence);
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.messages.size() == 1; }));
  const auto& message = server.messages[0];
  EXPECT_EQ(message.type, 7);
  EXPECT_EQ(message.body, "body");
  EXPECT_EQ(message.sequence, *sequence);
  ASSERT_EQ(message.blobs.size(), 2u);
  ASSERT_EQ(message.blobs[0].size, big.size);
  EXPECT_EQ(std::memcmp(message.blobs[0].data.get(), big.data.get(), big.size), 0);
  EXPECT_EQ(server.ups[0].second.index, 3);
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit <= 4; }));
  there.acknowledge(bound, server.peer(), *sequence);
  ASSERT_TRUE(client.wait([&](const Recorder& r) { return r.acked.size() == 1; }));
  EXPECT_EQ(client.acked[0], *sequence);
}

// Longer than a piece, exactly one and two pieces long, and empty: bodies and blobs.
TEST_P(ZmqLink, APartOfAnyLengthArrivesWhole) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 8;
  const LinkId bound = there.bind(options, address(), server.events());
  const LinkId link = here.connect(test_options("rollout"), there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 8; }));
  const std::vector<size_t> sizes{
      0, 1, kPieceBytes - 1, kPieceBytes, kPieceBytes + 1, 2 * kPieceBytes};
  const auto text = [](size_t size) {
    std::string result(size, ' ');
    for (size_t i = 0; i < size; ++i) result[i] = static_cast<char>(i % 251);
    return result;
  };
  for (const size_t size : sizes) {
    const auto blob = Blob::take(text(size));
    ASSERT_TRUE(here.send(link, client.peer(), 1, text(size), {blob, blob}));
  }
  ASSERT_TRUE(server.wait([&](const Recorder& r) { return r.messages.size() == sizes.size(); }));
  for (size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(server.messages[i].body, text(sizes[i]));
    ASSERT_EQ(server.messages[i].blobs.size(), 2u);
    for (const Blob& blob : server.messages[i].blobs)
      EXPECT_EQ(std::string(static_cast<const char*>(blob.data.get()), blob.size), text(sizes[i]));
  }
}

TEST_P(ZmqLink, AMessageBeyondTheBoundIsRefusedWhereItIsSent) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 1;
  const LinkId bound = there.bind(options, address(), server.events());
  auto sender = test_options("rollout");
  sender.max_message_bytes = 10000;
  const LinkId link = here.connect(sender, there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 1; }));
  const std::string half(5000, 'x');
  EXPECT_THROW((void)here.send(link, client.peer(), 1, half + half + "x"), std::invalid_argument);
  EXPECT_THROW((void)here.send(link, client.peer(), 1, half, {Blob::take(half + "x")}),
               std::invalid_argument);
  EXPECT_TRUE(here.send(link, client.peer(), 1, half, {Blob::take(half)}));
}

// Processes of two runs, or of two starts of one, whose addresses are the same by chance.
TEST(ZmqKey, AnotherKeyOpensNoSession) {
  zmq::context_t context;
  Recorder server, client;
  ZmqTransport there(context, key), here(context, make_run_key());
  for (const std::string& address : {std::string("tcp://127.0.0.1:*"), ipc_address("keyed")}) {
    const LinkId bound = there.bind(test_options("reward"), address, server.events());
    (void)here.connect(test_options("rollout"), there.endpoint(bound), client.events());
    for (int i = 0; i < 1000 && there.stats(bound).connections_refused == 0; ++i)
      std::this_thread::sleep_for(milliseconds(10));
    EXPECT_GT(there.stats(bound).connections_refused, 0u);
    EXPECT_EQ(there.stats(bound).frames_received, 0u);
  }
  EXPECT_TRUE(server.ups.empty());
  EXPECT_TRUE(client.ups.empty());
}

TEST_P(ZmqLink, BothSidesCarryData) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  const LinkId bound = there.bind(test_options("ledger"), address(), server.events());
  const LinkId link = here.connect(test_options("rollout"), there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait_up());
  here.grant(link, client.peer(), 2);
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.credit == 2; }));
  EXPECT_TRUE(there.send(bound, server.peer(), 1, "down"));
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.messages.size() == 1; }));
  EXPECT_EQ(client.messages[0].body, "down");
}

TEST_P(ZmqLink, SendingStopsAtZeroCreditUntilAnAcknowledgementReturnsOne) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  const LinkId bound = there.bind(test_options("reward"), address(), server.events());
  const LinkId link = here.connect(test_options("rollout"), there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait_up());
  ASSERT_TRUE(server.wait_up());
  EXPECT_FALSE(here.send(link, client.peer(), 1, "nothing was granted"));
  there.grant(bound, server.peer(), 3);
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 3; }));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(here.send(link, client.peer(), 1, std::to_string(i)));
  EXPECT_FALSE(here.send(link, client.peer(), 1, "beyond"));
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.messages.size() == 3; }));
  EXPECT_FALSE(here.send(link, client.peer(), 1, "delivery alone frees nothing"));
  there.acknowledge(bound, server.peer(), server.messages[1].sequence);
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.acked.size() == 1; }));
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 1; }));
  EXPECT_TRUE(here.send(link, client.peer(), 1, "again"));
  EXPECT_FALSE(here.send(link, client.peer(), 1, "beyond"));
}

TEST_P(ZmqLink, AClosedSideIsReportedDown) {
  Recorder server, client;
  ZmqTransport there(context, key);
  const LinkId bound = there.bind(test_options("reward"), address(), server.events());
  {
    ZmqTransport here(context, key);
    (void)here.connect(test_options("rollout"), there.endpoint(bound), client.events());
    ASSERT_TRUE(server.wait_up());
    ASSERT_TRUE(client.wait_up());
  }
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.downs.size() == 1; }));
  EXPECT_EQ(server.downs[0].second, "the peer closed the link");
}

TEST_P(ZmqLink, WhatWasNotAcknowledgedReachesARestartedBinder) {
  Recorder first, second, client;
  ZmqTransport here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 8;
  auto there = std::make_unique<ZmqTransport>(context, key);
  LinkId bound = there->bind(options, address(), first.events());
  const std::string resolved = there->endpoint(bound);
  const LinkId link = here.connect(test_options("rollout"), resolved, client.events());
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 8; }));
  for (const char* body : {"a", "b", "c"}) ASSERT_TRUE(here.send(link, client.peer(), 1, body));
  ASSERT_TRUE(first.wait([](const Recorder& r) { return r.messages.size() == 3; }));
  there->acknowledge(bound, first.peer(), first.messages[0].sequence);
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.acked.size() == 1; }));
  there.reset();

  there = std::make_unique<ZmqTransport>(context, key);
  bound = there->bind(options, resolved, second.events());
  ASSERT_TRUE(second.wait([](const Recorder& r) { return r.messages.size() == 2; }));
  EXPECT_EQ(second.messages[0].body, "b");
  EXPECT_EQ(second.messages[1].body, "c");
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.ups.size() == 2 && r.credit > 0; }));
  ASSERT_TRUE(here.send(link, client.peer(), 1, "d"));
  ASSERT_TRUE(second.wait([](const Recorder& r) { return r.messages.size() == 3; }));
  EXPECT_EQ(second.messages[2].body, "d");
}

TEST_P(ZmqLink, AMismatchIsRefusedWithBothValues) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  auto binder = test_options("reward");
  binder.self.model_hash = 0xaaaa;
  auto joiner = test_options("rollout", 2);
  joiner.self.model_hash = 0xbbbb;
  const LinkId bound = there.bind(binder, address(), server.events());
  (void)here.connect(joiner, there.endpoint(bound), client.events());
  ASSERT_TRUE(server.wait([](const Recorder& r) { return !r.refused.empty(); }));
  ASSERT_TRUE(client.wait([](const Recorder& r) { return !r.refused.empty(); }));
  EXPECT_EQ(server.refused[0],
            "handshake with rollout[2] refused: model hash: peer has 000000000000bbbb, "
            "here 000000000000aaaa");
  EXPECT_EQ(client.refused[0],
            "handshake with reward[0] refused: model hash: peer has 000000000000aaaa, "
            "here 000000000000bbbb");
  EXPECT_TRUE(client.ups.empty());
}

TEST_P(ZmqLink, AnnouncementsNeedNoCreditAndReachLateJoiners) {
  Recorder server, early, late;
  ZmqTransport there(context, key), here(context, key);
  const LinkId bound = there.bind(test_options("weight_store"), address(), server.events());
  (void)here.connect(test_options("rollout", 0), there.endpoint(bound), early.events());
  ASSERT_TRUE(early.wait_up());
  there.announce(bound, kAllPeers, 9, "version 1");
  there.announce(bound, kAllPeers, 9, "version 2");
  ASSERT_TRUE(early.wait(
      [](const Recorder& r) { return r.announced.count(9) && r.announced.at(9) == "version 2"; }));
  (void)here.connect(test_options("rollout", 1), there.endpoint(bound), late.events());
  ASSERT_TRUE(late.wait(
      [](const Recorder& r) { return r.announced.count(9) && r.announced.at(9) == "version 2"; }));
}

TEST_P(ZmqLink, RaisingTheLineageGivesUpOldMessagesAndOpensAgain) {
  Recorder server, client;
  ZmqTransport there(context, key), here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 2;
  const LinkId bound = there.bind(options, address(), server.events());
  const LinkId link = here.connect(test_options("rollout"), there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 2; }));
  const auto sequence = here.send(link, client.peer(), 1, "of lineage 0");
  ASSERT_TRUE(sequence);
  there.raise_lineage(bound, 1);
  here.raise_lineage(link, 1);
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.lost.size() == 1; }));
  EXPECT_EQ(client.lost[0], *sequence);
  ASSERT_TRUE(client.wait_up(2));
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 2; }));
  EXPECT_EQ(client.ups.back().second.lineage, 1);
  ASSERT_TRUE(here.send(link, client.peer(), 1, "of lineage 1"));
  ASSERT_TRUE(server.wait([](const Recorder& r) {
    return !r.messages.empty() && r.messages.back().body == "of lineage 1";
  }));
}

// A peer that never says goodbye: a raw socket that opens a session and falls silent.
TEST(ZmqHeartbeat, ASilentPeerIsDownAfterTheDeadline) {
  zmq::context_t context;
  Recorder server;
  ZmqTransport there(context, key);
  const LinkId bound = there.bind(test_options("reward"), "tcp://127.0.0.1:*", server.events());
  zmq::socket_t raw(context, zmq::socket_type::dealer);
  const uint64_t producer = 77;
  raw.set(zmq::sockopt::routing_id, "p" + std::string(reinterpret_cast<const char*>(&producer), 8));
  raw.set(zmq::sockopt::rcvtimeo, 5000);
  raw.set(zmq::sockopt::linger, 0);
  join_run(raw);
  raw.connect(there.endpoint(bound));
  const auto hello = [&](uint64_t echo) {
    const Payload payload = *make_payload(encode_body(test_options("rollout").self));
    const auto head = encode_header({.kind = FrameKind::kHello,
                                     .flags = kFlagWantsReply,
                                     .run_id = 42,
                                     .producer = producer,
                                     .attach = 1,
                                     .echo = echo},
                                    payload);
    raw.send(zmq::buffer(head), zmq::send_flags::sndmore);
    raw.send(zmq::buffer(payload.body), zmq::send_flags::none);
  };
  hello(0);
  zmq::message_t part;
  ASSERT_TRUE(raw.recv(part));
  uint64_t offered = 0;
  ASSERT_EQ(part.size(), kHeaderBytes);
  std::memcpy(&offered, part.data<char>() + 56, sizeof offered);
  hello(offered);
  ASSERT_TRUE(server.wait_up());
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.downs.size() == 1; }));
  EXPECT_EQ(server.downs[0].second.substr(0, 17), "nothing heard for");
}

TEST(ZmqFuzz, MalformedFramesAreCountedAndDoNoHarm) {
  zmq::context_t context;
  Recorder server, client;  // outlives the transports that call it
  ZmqTransport there(context, key), here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 1;
  const LinkId bound = there.bind(options, "tcp://127.0.0.1:*", server.events());
  zmq::socket_t raw(context, zmq::socket_type::dealer);
  raw.set(zmq::sockopt::routing_id, "p12345678");
  raw.set(zmq::sockopt::linger, 1000);
  join_run(raw);
  raw.connect(there.endpoint(bound));
  std::mt19937_64 random(5);
  const Payload payload = *make_payload(encode_body(test_options("rollout").self));
  constexpr int kFrames = 2000;
  for (int i = 0; i < kFrames; ++i) {
    auto head = encode_header({.kind = FrameKind::kHello, .run_id = 42, .attach = 1}, payload);
    for (int flips = 0; flips < 1 + i % 4; ++flips) {
      head[random() % head.size()] = static_cast<std::byte>(random());
    }
    const int extra = static_cast<int>(random() % 3);
    raw.send(zmq::buffer(head.data(), random() % 4 ? head.size() : random() % head.size()),
             zmq::send_flags::sndmore);
    for (int part = 0; part < extra; ++part) {
      raw.send(zmq::buffer(payload.body), zmq::send_flags::sndmore);
    }
    raw.send(zmq::buffer(payload.body), zmq::send_flags::none);
  }
  for (int i = 0; i < 500 && there.stats(bound).malformed < kFrames - 20; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_GE(there.stats(bound).malformed, kFrames - 20u);  // a "flip" may write the byte it found
  EXPECT_TRUE(server.ups.empty());
  const LinkId link = here.connect(test_options("rollout"), there.endpoint(bound), client.events());
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit == 1; }));
  ASSERT_TRUE(here.send(link, client.peer(), 1, "still alive"));
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.messages.size() == 1; }));
}

// Several threads send over one link while its handlers acknowledge; every message arrives once.
TEST(ZmqThreads, ConcurrentSendersLoseNothing) {
  zmq::context_t context;
  Recorder server, client;  // outlives the transports that call it
  ZmqTransport there(context, key), here(context, key);
  auto options = test_options("reward");
  options.initial_credit = 16;
  LinkId bound = 0;
  std::atomic<bool> bound_set = false;
  server.on_delivered = [&](const Recorder::Message& message) {
    while (!bound_set) std::this_thread::yield();
    there.acknowledge(bound, message.peer, message.sequence);
  };
  bound = there.bind(options, "inproc://threads", server.events());
  bound_set = true;
  const LinkId link = here.connect(test_options("rollout"), "inproc://threads", client.events());
  ASSERT_TRUE(client.wait_up());
  constexpr int kThreads = 4, kEach = 250;
  std::vector<std::thread> senders;
  for (int t = 0; t < kThreads; ++t) {
    senders.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        while (!here.send(link, client.peer(), 1, std::to_string(t * kEach + i))) {
          std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
      }
    });
  }
  for (auto& sender : senders) sender.join();
  ASSERT_TRUE(client.wait([](const Recorder& r) { return r.acked.size() == kThreads * kEach; }));
  ASSERT_TRUE(server.wait([](const Recorder& r) { return r.messages.size() == kThreads * kEach; }));
  std::set<std::string> bodies;
  for (const auto& message : server.messages) bodies.insert(message.body);
  EXPECT_EQ(bodies.size(), size_t{kThreads * kEach});
  EXPECT_EQ(server.messages.size(), size_t{kThreads * kEach});
}

}  // namespace
}  // namespace charter::transport
