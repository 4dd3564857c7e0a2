#include "actors/transport/link_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>

#include "tests/actors/transport/link_helpers.hpp"

namespace charter::transport {
namespace {

using std::chrono::milliseconds;

// One side: its session, and what came out of it.
struct Side {
  explicit Side(LinkOptions given, uint64_t producer) { restart(std::move(given), producer); }
  Side(const Side&) = delete;  // the session refers to the options and stats beside it
  Side& operator=(const Side&) = delete;
  void restart(LinkOptions given, uint64_t producer) {
    options = std::move(given);
    options.producer_id = producer;
    stats = {};
    session = std::make_unique<LinkSession>(options, 1, stats, Time{});
    events.clear();
  }
  void collect(Time now) {
    session->flush(now);
    for (auto& event : session->take_events()) events.push_back(std::move(event));
  }
  size_t count(SessionEvent::Kind kind) const {
    return std::count_if(events.begin(), events.end(),
                         [kind](const SessionEvent& event) { return event.kind == kind; });
  }
  const SessionEvent& last(SessionEvent::Kind kind) const {
    for (auto it = events.rbegin(); it != events.rend(); ++it) {
      if (it->kind == kind) return *it;
    }
    throw std::logic_error("no such event");
  }
  LinkOptions options;
  LinkStats stats;
  std::unique_ptr<LinkSession> session;
  std::vector<SessionEvent> events;
};

using Kind = SessionEvent::Kind;

class SessionTest : public testing::Test {
 protected:
  static void hand_over(const Outgoing& out, Side& to, Time now) {
    const Frame frame{out.header, out.payload->body, out.payload->blobs};
    to.session->receive(frame, now);
  }
  // Carries frames to and fro until nothing moves; those that `drop` names vanish.
  void exchange(const std::function<bool(const Outgoing&)>& drop = {}) {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
        from->collect(now);
        for (const Outgoing& frame : from->session->take_frames()) {
          moved = true;
          if (!drop || !drop(frame)) hand_over(frame, *to, now);
        }
        to->collect(now);
      }
    }
  }
  void pass(milliseconds time, const std::function<bool(const Outgoing&)>& drop = {}) {
    for (const Time end = now + time; now < end;) {
      now += milliseconds(5);
      a.session->tick(now);
      b.session->tick(now);
      exchange(drop);
    }
  }
  void open() {
    pass(milliseconds(30));
    ASSERT_TRUE(a.session->up() && b.session->up());
  }
  uint64_t send(Side& side, const std::string& body) {
    return side.session->send(1, make_payload(body));
  }

  Time now{};
  Side a{test_options("rollout", 4), 0xa};
  Side b{test_options("reward"), 0xb};
};

TEST_F(SessionTest, OpensAndSaysWhoIsThere) {
  open();
  EXPECT_EQ(a.session->peer(), 0xbu);
  EXPECT_EQ(b.last(Kind::kUp).hello.index, 4);
  EXPECT_EQ(a.count(Kind::kUp), 1u);
  pass(milliseconds(1000));
  EXPECT_EQ(a.count(Kind::kUp), 1u);  // heartbeats keep it up
  EXPECT_EQ(a.count(Kind::kDown), 0u);
}

TEST_F(SessionTest, OpensWhenHellosAreLost) {
  std::mt19937 random(1);
  pass(milliseconds(1000), [&](const Outgoing& frame) {
    return frame.header.kind == FrameKind::kHello && random() % 3 != 0;
  });
  EXPECT_TRUE(a.session->up() && b.session->up());
}

TEST_F(SessionTest, TheWindowBoundsWhatIsOutstanding) {
  open();
  EXPECT_EQ(a.session->available(), 0);
  b.session->grant(2);
  exchange();
  EXPECT_EQ(a.last(Kind::kCredit).available, 2);
  for (const char* body : {"1", "2", "3"}) send(a, body);  // the third is beyond what was granted
  EXPECT_EQ(a.session->available(), 0);
  exchange();
  EXPECT_EQ(b.count(Kind::kDelivered), 2u);
  b.session->acknowledge(2);  // in any order
  exchange();
  EXPECT_EQ(b.count(Kind::kDelivered), 3u);
  EXPECT_EQ(a.last(Kind::kAcked).sequence, 2u);
  b.session->acknowledge(1);
  b.session->acknowledge(3);
  exchange();
  EXPECT_EQ(a.session->available(), 2);
  b.session->grant(-1);
  exchange();
  EXPECT_EQ(a.session->available(), 1);
}

TEST_F(SessionTest, ALostMessageIsResentAndALostAcknowledgementRepeated) {
  b.options.initial_credit = 4;
  open();
  send(a, "x");
  exchange([](const Outgoing& frame) { return frame.header.kind == FrameKind::kData; });
  EXPECT_EQ(b.count(Kind::kDelivered), 0u);
  pass(milliseconds(110));
  EXPECT_EQ(b.count(Kind::kDelivered), 1u);
  EXPECT_EQ(a.stats.retransmitted, 1u);
  b.session->acknowledge(1);
  exchange([](const Outgoing& frame) { return frame.header.kind == FrameKind::kState; });
  EXPECT_EQ(a.count(Kind::kAcked), 0u);
  pass(milliseconds(40));  // the next heartbeat says it again
  EXPECT_EQ(a.count(Kind::kAcked), 1u);
}

TEST_F(SessionTest, WhatWasReceivedIsNotResentHoweverLongItIsHeld) {
  b.options.initial_credit = 4;
  open();
  send(a, "x");
  pass(milliseconds(1000));
  EXPECT_EQ(a.stats.retransmitted, 0u);
  EXPECT_EQ(a.session->unacknowledged(), 1u);
}

TEST_F(SessionTest, DuplicatesAreDeliveredOnce) {
  b.options.initial_credit = 4;
  open();
  send(a, "x");
  a.collect(now);
  for (const Outgoing& frame : a.session->take_frames()) {
    for (int i = 0; i < 3; ++i) hand_over(frame, b, now);
  }
  b.collect(now);
  EXPECT_EQ(b.count(Kind::kDelivered), 1u);
  EXPECT_EQ(b.stats.duplicates, 2u);
}

TEST_F(SessionTest, SilenceTakesThePeerDownAndItsMessagesAreResentAfterwards) {
  b.options.initial_credit = 4;
  open();
  send(a, "x");
  pass(milliseconds(450), [](const Outgoing&) { return true; });
  EXPECT_EQ(a.last(Kind::kDown).text.substr(0, 17), "nothing heard for");
  EXPECT_EQ(a.session->available(), 0);
  EXPECT_EQ(b.count(Kind::kDown), 1u);
  pass(milliseconds(60));
  EXPECT_EQ(b.count(Kind::kDelivered), 1u);
  EXPECT_EQ(a.session->available(), 3);
}

// Only a forgets the session; b believes it is still up and must notice.
TEST_F(SessionTest, OneSidedLossOfTheSessionIsRepaired) {
  b.options.initial_credit = 4;
  open();
  pass(milliseconds(450), [](const Outgoing& frame) { return frame.header.producer == 0xb; });
  ASSERT_EQ(a.count(Kind::kDown), 1u);
  pass(milliseconds(60));
  EXPECT_TRUE(a.session->up() && b.session->up());
  send(a, "x");
  exchange();
  EXPECT_EQ(b.count(Kind::kDelivered), 1u);
}

TEST_F(SessionTest, ARestartedPeerGetsWhatIsUnacknowledgedWithinItsOwnWindow) {
  b.options.initial_credit = 4;
  open();
  for (const char* body : {"1", "2", "3"}) send(a, body);
  exchange();
  b.session->acknowledge(2);
  exchange();
  LinkOptions options = test_options("reward");
  options.initial_credit = 1;
  b.restart(options, 0xbb);
  pass(milliseconds(60));
  EXPECT_EQ(a.last(Kind::kDown).text, "the peer restarted");
  EXPECT_EQ(a.session->peer(), 0xbbu);
  ASSERT_EQ(b.count(Kind::kDelivered), 1u);
  EXPECT_EQ(b.last(Kind::kDelivered).text, "1");
  b.session->acknowledge(1);
  exchange();
  EXPECT_EQ(b.last(Kind::kDelivered).text, "3");
}

TEST_F(SessionTest, FramesOfAnEarlierSessionAreForeign) {
  b.options.initial_credit = 4;
  open();
  send(a, "old");
  a.collect(now);
  const auto old = a.session->take_frames();
  pass(milliseconds(450), [](const Outgoing&) { return true; });
  pass(milliseconds(60));
  const uint64_t before = b.stats.foreign;
  const size_t delivered = b.count(Kind::kDelivered);
  for (const Outgoing& frame : old) hand_over(frame, b, now);
  b.collect(now);
  EXPECT_GT(b.stats.foreign, before);
  EXPECT_EQ(b.count(Kind::kDelivered), delivered);
}

TEST_F(SessionTest, OlderLineagesAreRefusedAndCounted) {
  b.options.initial_credit = 4;
  open();
  const uint64_t sequence = send(a, "of lineage 0");
  a.collect(now);
  const auto old = a.session->take_frames();
  b.options.self.lineage = 1;
  b.session->lineage_raised(now);
  for (const Outgoing& frame : old) hand_over(frame, b, now);
  EXPECT_EQ(b.stats.stale_lineage, old.size());
  pass(milliseconds(60));
  EXPECT_FALSE(a.session->up());
  EXPECT_EQ(a.last(Kind::kRefused).text,
            "handshake with reward[0] refused: lineage: peer has 1, here 0");
  a.options.self.lineage = 1;
  a.session->lineage_raised(now);
  a.collect(now);
  EXPECT_EQ(a.last(Kind::kLost).sequences, std::vector<uint64_t>{sequence});
  pass(milliseconds(60));
  EXPECT_TRUE(a.session->up() && b.session->up());
}

TEST_F(SessionTest, SendingBeyondTheWindowIsNotServed) {
  b.options.initial_credit = 1;
  open();
  const auto forged = [&](uint64_t sequence) {
    send(a, "m");
    a.collect(now);
    for (Outgoing frame : a.session->take_frames()) {
      if (frame.header.kind != FrameKind::kData) continue;
      frame.header.sequence = sequence;
      hand_over(frame, b, now);
      frame.header.sequence = sequence + 1;
      hand_over(frame, b, now);
    }
    b.collect(now);
  };
  forged(1);
  EXPECT_EQ(b.count(Kind::kDelivered), 1u);
  EXPECT_EQ(b.stats.foreign, 1u);
}

TEST(HelloMismatch, NamesTheFirstDifferenceWithBothValues) {
  const LinkOptions here = test_options("reward");
  const auto with = [&here](const std::function<void(Hello&)>& change) {
    Hello peer = test_options("rollout", 1).self;
    change(peer);
    return hello_mismatch(peer, here);
  };
  const std::string start = "handshake with rollout[1] refused: ";
  EXPECT_EQ(with([](Hello&) {}), "");
  EXPECT_EQ(with([](Hello& h) { h.run_id = 1; }),
            start + "run id: peer has 0000000000000001, here 000000000000002a");
  EXPECT_EQ(with([](Hello& h) { h.lineage = 3; }), start + "lineage: peer has 3, here 0");
  EXPECT_EQ(with([](Hello& h) { h.schema_hash = 3; }), "");  // this side has none
  LinkOptions strict = here;
  strict.self.schema_hash = 4;
  strict.accept = {{"feedback", 1}, {"ppo_learner", 1}};
  Hello peer = test_options("rollout", 1).self;
  EXPECT_EQ(hello_mismatch(peer, strict),
            start + "role: peer has rollout, here feedback or ppo_learner is expected");
  strict.accept.push_back({"rollout", 1});
  EXPECT_EQ(hello_mismatch(peer, strict), start + "index: peer has 1, here 0 to 0 is expected");
  strict.accept.back().count = 2;
  peer.index = -1;
  EXPECT_EQ(hello_mismatch(peer, strict),
            "handshake with rollout[-1] refused: index: peer has -1, here 0 to 1 is expected");
  peer.index = 1;
  peer.role = "rollout:of-a-kind";  // a name within the role
  EXPECT_EQ(hello_mismatch(peer, strict), "");
  peer.role = "rollout";
  peer.schema_hash = 5;
  EXPECT_EQ(hello_mismatch(peer, strict),
            start + "schema hash: peer has 0000000000000005, here 0000000000000004");
}

}  // namespace
}  // namespace charter::transport
