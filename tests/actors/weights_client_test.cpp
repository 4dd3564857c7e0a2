#include "actors/weights_client.hpp"

#include "tests/actors/fixture.hpp"
#include "tests/actors/idle_transport.hpp"

namespace charter::actors {
namespace {

using Kind = LinkEvent::Kind;

// Keeps the requests that are announced.
class RequestTransport final : public transport::IdleTransport {
 public:
  std::vector<std::pair<transport::PeerId, WeightsRequest>> requests;

  void announce(transport::LinkId link, transport::PeerId peer, uint16_t,
                std::string body) override {
    EXPECT_EQ(link, kLink);
    requests.emplace_back(peer, transport::decode_body<WeightsRequest>(body).value());
  }
};

class WeightsClientTest : public testing::Test {
 protected:
  void connect() { client.connect(RewardActor{}); }
  void event(Kind kind, transport::LinkId link, transport::PeerId peer, int64_t have) {
    client.handle({.kind = kind, .from = {link, peer}}, have);
  }

  std::shared_ptr<RequestTransport> wire = std::make_shared<RequestTransport>();
  Ports ports{Wiring{.transport = wire}, "reward", 0};
  WeightsClient client{&ports, "pm"};
};

TEST_F(WeightsClientTest, AsksWhenItsLinkComesUpAndWheneverToldThen) {
  connect();
  client.ask(-1);                  // nobody to ask yet
  event(Kind::kUp, 3, 1, -1);      // another link
  event(Kind::kCredit, 7, 1, -1);  // another event
  EXPECT_TRUE(wire->requests.empty());
  event(Kind::kUp, 7, 2, -1);
  client.ask(4);
  ASSERT_EQ(wire->requests.size(), 2u);
  EXPECT_EQ(wire->requests[0].first, 2u);
  EXPECT_EQ(wire->requests[0].second.model, "pm");
  EXPECT_EQ(wire->requests[0].second.newer_than, -1);
  EXPECT_EQ(wire->requests[1].second.newer_than, 4);
}

TEST_F(WeightsClientTest, AsksTheStoreThatCameLast) {
  connect();
  event(Kind::kUp, 7, 2, 5);
  event(Kind::kUp, 7, 3, 5);  // the store is another process now
  client.ask(6);
  ASSERT_EQ(wire->requests.size(), 3u);
  EXPECT_EQ(wire->requests[2].first, 3u);
}

TEST_F(WeightsClientTest, OneThatFollowsNothingNeverAsks) {
  event(Kind::kUp, 7, 2, 0);
  client.ask(0);
  EXPECT_TRUE(wire->requests.empty());
}

}  // namespace
}  // namespace charter::actors
