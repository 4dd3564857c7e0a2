// Strangers at a bound socket: raw TCP clients that speak ZMTP by hand (rfc.zeromq.org/spec/23),
// and never hold the run's key.
#include "actors/transport/zmq_guard.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "actors/transport/frame_parts.hpp"
#include "actors/transport/zmq_link.hpp"
#include "tests/actors/transport/link_helpers.hpp"

namespace charter::transport {
namespace {

using std::chrono::milliseconds;

class Stranger {
 public:
  explicit Stranger(const std::string& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~Stranger() { ::close(fd_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // False: the other side has ended the connection.
  bool say(const std::string& bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Reads what comes until the other side ends the connection; false after 20 s.
  [[nodiscard]] bool is_cut_off() const {
    char bytes[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_, bytes, sizeof bytes, 0)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
  }

 private:
  int fd_;
};

std::string zeros(size_t count) { return std::string(count, '\0'); }

// ZMTP 3.0: signature, version, mechanism in 20 bytes, as-server, filler.
std::string greeting(const std::string& mechanism) {
  return "\xff" + zeros(8) + "\x7f" + std::string("\x03\x00", 2) + mechanism +
         zeros(20 - mechanism.size()) + zeros(1 + 31);
}
std::string length(uint64_t bytes) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<char>(bytes >> shift));
  return text;
}
constexpr char kMore = 1, kLong = 2, kCommand = 4;
std::string long_frame(char flags, const std::string& body) {
  return std::string(1, static_cast<char>(flags | kLong)) + length(body.size()) + body;
}
std::string ready() {
  const std::string property = "\x0bSocket-Type" + std::string("\0\0\0\x06", 4) + "DEALER";
  return long_frame(kCommand, "\x05READY" + property);
}

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

class StrangersTest : public testing::Test {
 protected:
  void SetUp() override {
    options.max_peers = 4;
    options.initial_credit = 4;
    bound = there.bind(options, "tcp://127.0.0.1:*", server.events());
    endpoint = there.endpoint(bound);
  }
  bool eventually(const std::function<bool(const LinkStats&)>& condition) {
    for (int i = 0; i < 4000; ++i) {
      if (condition(there.stats(bound))) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  // A peer that holds the key is served, whatever the strangers do.
  void expect_served() {
    Recorder client;
    ZmqTransport here(context, key);
    const LinkId link = here.connect(test_options("rollout"), endpoint, client.events());
    ASSERT_TRUE(client.wait([](const Recorder& r) { return r.credit > 0; }));
    ASSERT_TRUE(here.send(link, client.peer(), 1, "of the run"));
    ASSERT_TRUE(server.wait([](const Recorder& r) { return !r.messages.empty(); }));
    EXPECT_EQ(server.messages[0].body, "of the run");
  }

  zmq::context_t context;
  const RunKey key = make_run_key();
  Recorder server;
  ZmqTransport there{context, key};
  LinkOptions options = test_options("reward");
  LinkId bound = 0;
  std::string endpoint;
};

// Before the handshake proves anything: parts without end, in every version of the protocol, and a
// single part that announces a gigabyte.
TEST_F(StrangersTest, WhatAStrangerSendsTakesNoMemoryAndReachesNoSession) {
  const std::string part = long_frame(kMore, std::string(1 << 20, 'x'));
  const std::string dealer_v2 = "\xff" + zeros(8) + "\x7f" + std::string("\x01\x05\x00\x00", 4);
  const std::string v1_part = "\xff" + length((1 << 20) + 1) + "\x01" + std::string(1 << 20, 'x');
  struct Attack {
    const char* name;
    std::string opening, again;
  };
  const std::vector<Attack> attacks{
      {"ZMTP 3, NULL", greeting("NULL") + ready(), part},
      {"ZMTP 3, PLAIN", greeting("PLAIN") + ready(), part},
      {"ZMTP 3, CURVE without hello", greeting("CURVE"), part},
      {"ZMTP 3, CURVE, small parts", greeting("CURVE"), long_frame(kMore, std::string(60000, 'x'))},
      {"ZMTP 3, CURVE, one part of a gigabyte",
       greeting("CURVE") + std::string(1, kLong | kCommand) + length(uint64_t{1} << 30),
       std::string(1 << 20, 'x')},
      {"ZMTP 2", dealer_v2, part},
      {"ZMTP 1", std::string("\x01\x00", 2), v1_part},
      {"no ZMTP at all", "GET / HTTP/1.1\r\n", std::string(1 << 20, 'x')},
  };
  const int64_t before = resident_bytes();
  for (const auto& attack : attacks) {
    const Stranger stranger(endpoint);
    bool taken = stranger.say(attack.opening);
    for (int i = 0; taken && i < 256; ++i) taken = stranger.say(attack.again);
    EXPECT_FALSE(taken) << attack.name << ": 256 MiB were taken";
    EXPECT_LT(resident_bytes() - before, 16 << 20) << attack.name;
  }
  const auto stats = there.stats(bound);
  EXPECT_EQ(stats.frames_received, 0u);
  EXPECT_EQ(stats.malformed, 0u);
  EXPECT_TRUE(server.ups.empty());
  EXPECT_TRUE(eventually([&](const LinkStats& s) {
    return s.connections == 0 && s.connections_refused >= attacks.size();
  }));
  expect_served();
}

// Most of them never said a word. 4 peers may connect, and 16 strangers may be on the way.
TEST_F(StrangersTest, IdleConnectionsAreFewAndDoNotLast) {
  std::vector<std::unique_ptr<Stranger>> idle;
  for (int i = 0; i < 400; ++i) {
    idle.push_back(std::make_unique<Stranger>(endpoint));
    if (i % 2 == 0) (void)idle.back()->say(greeting("CURVE"));
  }
  EXPECT_TRUE(eventually([](const LinkStats& s) { return s.connections_refused >= 400 - 20; }));
  EXPECT_LE(there.stats(bound).connections, 20u);
  expect_served();
  EXPECT_TRUE(eventually([](const LinkStats& s) { return s.connections_refused >= 400; }));
  for (const auto& stranger : idle) EXPECT_TRUE(stranger->is_cut_off());
}

// A connection that has proven the key is not cut for strangers that come after it.
TEST_F(StrangersTest, APeerKeepsItsPlaceInAFlood) {
  Recorder client;
  ZmqTransport here(context, key);
  (void)here.connect(test_options("rollout"), endpoint, client.events());
  ASSERT_TRUE(client.wait_up());
  std::vector<std::unique_ptr<Stranger>> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(std::make_unique<Stranger>(endpoint));
  EXPECT_TRUE(eventually([](const LinkStats& s) { return s.connections_refused >= 100; }));
  EXPECT_TRUE(client.downs.empty());
  EXPECT_TRUE(server.downs.empty());
}

}  // namespace
}  // namespace charter::transport
