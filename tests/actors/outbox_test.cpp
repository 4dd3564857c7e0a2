// The outbox alone, over a transport that only keeps count.
#include <gtest/gtest.h>

#include <stdexcept>

#include "actors/ports.hpp"
#include "tests/actors/idle_transport.hpp"

namespace charter::actors {
namespace {

using Kind = LinkEvent::Kind;
using Tags = std::vector<int64_t>;

class CountingTransport final : public transport::IdleTransport {
 public:
  struct Sent {
    transport::PeerId peer = 0;
    uint64_t sequence = 0;
    int64_t work_id = 0;
  };
  std::map<transport::PeerId, int64_t> credit;  // none: unlimited
  std::map<transport::PeerId, uint64_t> sequences;
  std::vector<Sent> sent;

  std::optional<uint64_t> send(transport::LinkId, transport::PeerId peer, uint16_t,
                               std::string body, std::vector<transport::Blob>) override {
    if (auto it = credit.find(peer); it != credit.end() && it->second-- <= 0) return std::nullopt;
    const auto message = transport::decode_body<Returned>(body);
    sent.push_back({peer, ++sequences[peer], message.value().work_ids.at(0)});
    return sent.back().sequence;
  }
};

class OutboxTest : public testing::Test {
 protected:
  void SetUp() override { outbox.add_link(1); }
  void push(int64_t id) { outbox.push(Returned{{id}, ""}, 100 + id); }
  Tags credit(transport::PeerId peer, int64_t n, transport::LinkId link = 1) {
    return outbox.handle({.kind = Kind::kCredit, .from = {link, peer}, .number = n});
  }
  Tags acked(transport::PeerId peer, int64_t sequence, transport::LinkId link = 1) {
    return outbox.handle({.kind = Kind::kAcked, .from = {link, peer}, .number = sequence});
  }
  std::vector<int64_t> sent_ids() const {
    std::vector<int64_t> result;
    for (const auto& sent : wire->sent) result.push_back(sent.work_id);
    return result;
  }

  std::shared_ptr<CountingTransport> wire = std::make_shared<CountingTransport>();
  Ports ports{Wiring{.transport = wire}, "reward", 0};
  Outbox outbox{&ports};
};

TEST_F(OutboxTest, KeepsMessagesUntilThereIsCredit) {
  for (int64_t id : {1, 2, 3}) push(id);
  EXPECT_TRUE(wire->sent.empty());
  EXPECT_EQ(outbox.unacknowledged(), 3u);
  credit(7, 2);
  EXPECT_EQ(sent_ids(), (Tags{1, 2}));
  credit(7, 1);
  EXPECT_EQ(sent_ids(), (Tags{1, 2, 3}));
  EXPECT_EQ(outbox.unacknowledged(), 3u);  // sent is not owned
}

TEST_F(OutboxTest, TheTagComesBackOnceWithTheAcknowledgement) {
  push(1);
  push(2);
  credit(7, 2);
  EXPECT_EQ(acked(7, 2), (Tags{102}));
  EXPECT_TRUE(acked(7, 2).empty());
  EXPECT_EQ(outbox.unacknowledged(), 1u);
  EXPECT_EQ(acked(7, 1), (Tags{101}));
  EXPECT_EQ(outbox.unacknowledged(), 0u);
}

TEST_F(OutboxTest, SendsToThePeerWithMostCredit) {
  credit(7, 1);
  credit(8, 3);
  for (int64_t id : {1, 2, 3, 4}) push(id);
  std::map<transport::PeerId, int> count;
  for (const auto& sent : wire->sent) ++count[sent.peer];
  EXPECT_EQ(count[8], 3);  // 3:1, 2:1, then 1:1 and 1:0 in either order
  EXPECT_EQ(count[7], 1);
}

TEST_F(OutboxTest, LostMessagesGoToAnotherPeerInTheirOrder) {
  credit(7, 3);
  for (int64_t id : {1, 2, 3}) push(id);
  outbox.handle({.kind = Kind::kDown, .from = {1, 7}});
  push(4);
  EXPECT_EQ(wire->sent.size(), 3u);  // nobody has credit
  outbox.handle({.kind = Kind::kLost, .from = {1, 7}, .sequences = {2, 3}});
  credit(8, 9);
  EXPECT_EQ(sent_ids(), (Tags{1, 2, 3, 2, 3, 4}));
  EXPECT_EQ(wire->sent.back().peer, 8u);
  EXPECT_EQ(acked(8, 1), (Tags{102}));
}

TEST_F(OutboxTest, AMessageStaysWithAPeerThatIsOnlySilent) {
  credit(7, 1);
  push(1);
  outbox.handle({.kind = Kind::kDown, .from = {1, 7}});
  credit(8, 5);
  EXPECT_EQ(wire->sent.size(), 1u);
  EXPECT_EQ(acked(7, 1), (Tags{101}));
}

TEST_F(OutboxTest, ARestartedServersAcknowledgementCountsForItsPredecessor) {
  credit(7, 1);
  push(1);
  outbox.handle({.kind = Kind::kDown, .from = {1, 7}});
  EXPECT_EQ(acked(9, 1), (Tags{101}));
}

TEST_F(OutboxTest, CreditThatIsGoneByTheTimeOfSendingIsNoError) {
  wire->credit[7] = 1;
  credit(7, 2);
  push(1);
  push(2);
  EXPECT_EQ(sent_ids(), (Tags{1}));
  EXPECT_EQ(outbox.unacknowledged(), 2u);
  wire->credit[7] = 1;
  credit(7, 1);
  EXPECT_EQ(sent_ids(), (Tags{1, 2}));
}

TEST_F(OutboxTest, EventsOfOtherLinksAreNotItsOwn) {
  push(1);
  credit(7, 5, /*link=*/2);
  EXPECT_TRUE(wire->sent.empty());
  credit(7, 1);
  EXPECT_TRUE(acked(7, 1, /*link=*/2).empty());
  EXPECT_EQ(outbox.unacknowledged(), 1u);
}

}  // namespace
}  // namespace charter::actors
