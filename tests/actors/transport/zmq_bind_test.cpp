// How links of the ZeroMQ carrier open and close: what cannot be bound, and what is left behind.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "actors/transport/zmq_link.hpp"
#include "tests/actors/transport/link_helpers.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::transport {
namespace {

TEST(ZmqBind, ATakenAddressIsOneLineWithTheAddress) {
  zmq::context_t context;
  const store::TempDir directory;
  ZmqTransport one(context), two(context);
  const LinkId tcp = one.bind(test_options("a"), "tcp://127.0.0.1:*", {});
  const LinkId ipc =
      one.bind(test_options("a"), "ipc://" + (directory.path() / "taken").string(), {});
  for (const std::string& address : {one.endpoint(tcp), one.endpoint(ipc)}) {
    try {
      (void)two.bind(test_options("b"), address, {});
      FAIL() << address;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "cannot bind " + address + ": Address already in use");
    }
  }
}

// What callbacks hold may be what the end of the program waits for.
TEST(ZmqBind, OfALinkThatCouldNotOpenNoCallbackIsKept) {
  zmq::context_t context;
  ZmqTransport transport(context);
  const auto held = std::make_shared<int>(0);
  LinkEvents events;
  events.peer_up = [held](PeerId, const Hello&) {};
  events.peer_down = [held](PeerId, std::string) {};
  events.acked = [held](PeerId, uint64_t) {};
  events.credit = [held](PeerId, int64_t) {};
  events.lost = [held](PeerId, std::vector<uint64_t>) {};
  events.announced = [held](PeerId, uint16_t, std::string) {};
  const LinkId taken = transport.bind(test_options("a"), "inproc://taken", events);
  EXPECT_GT(held.use_count(), 6);  // the link's own, beside `events` and this
  EXPECT_THROW((void)transport.bind(test_options("b"), "inproc://taken", events),
               std::runtime_error);
  EXPECT_THROW((void)transport.connect(test_options("b"), "nonsense", events), std::runtime_error);
  transport.close(taken);
  EXPECT_EQ(held.use_count(), 7);  // of the six in `events` and this one, no more
}

TEST(ZmqBind, OnlyLoopbackInterfacesAreServed) {
  zmq::context_t context;
  ZmqTransport transport(context);
  for (const char* address : {"tcp://0.0.0.0:*", "tcp://*:5599", "tcp://192.168.1.7:5599"}) {
    try {
      (void)transport.bind(test_options("a"), address, {});
      FAIL() << address;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("not a loopback address"), std::string::npos);
    }
  }
  EXPECT_THROW((void)transport.bind(test_options("a"), "nonsense", {}), std::runtime_error);
  EXPECT_THROW((void)transport.connect(test_options("a"), "nonsense", {}), std::runtime_error);
}

// Without a second attempt: the name is free when close has returned.
TEST(ZmqClose, AnInprocNameIsFreeForTheNextOne) {
  zmq::context_t context;
  ZmqTransport transport(context);
  for (int i = 0; i < 200; ++i) {
    transport.close(transport.bind(test_options("a"), "inproc://again", {}));
    for (const char* name : {"inproc://again", "inproc://again.data"}) {
      zmq::socket_t next(context, zmq::socket_type::router);
      ASSERT_NO_THROW(next.bind(name)) << name << ", time " << i;
      next.unbind(name);
    }
  }
}

TEST(ZmqClose, ALinkClosedFromAnEventClosesOnceTheEventHasReturned) {
  zmq::context_t context;
  Recorder client;
  ZmqTransport there(context), here(context);
  std::atomic<LinkId> bound = 0;
  LinkEvents events;
  events.peer_up = [&](PeerId, const Hello&) {
    while (bound == 0) std::this_thread::yield();
    there.close(bound);
  };
  bound = there.bind(test_options("a"), "inproc://closes-itself", events);
  (void)here.connect(test_options("b"), "inproc://closes-itself", client.events());
  EXPECT_TRUE(client.wait([](const Recorder& r) { return !r.downs.empty(); }));
  there.close(bound);  // after what the event left in the queue
  EXPECT_EQ(there.endpoint(bound), "");
}

}  // namespace
}  // namespace charter::transport
