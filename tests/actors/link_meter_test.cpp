// The counts of a process's links, and what an actor's end does with a message that is none.
#include "actors/link_meter.hpp"

#include <cmath>

#include "actors/weight_store.hpp"
#include "tests/actors/fixture.hpp"

namespace charter::actors {
namespace {

// Played by a weight store: it takes WeightsReady and WeightsRequest, and announces WeightsReady.
class LinkMeterTest : public ActorTest {
 protected:
  void SetUp() override {
    start();
    trainer.connect(Arrow::kWeights);
    ASSERT_TRUE(trainer.up());
  }
  void TearDown() override { finish(actor); }
  void start() {
    auto mine = wiring();
    mine.meter = meter;
    actor = system.spawn(weight_store, mine, size_t{2},
                         std::map<std::string, metrics::WeightStoreMetrics>{});
  }

  // The series of this name whose labels include `labels`; NaN when there is none.
  double value(const std::string& name, const prometheus::Labels& labels = {}) {
    for (const auto& family : meter->Collect()) {
      if (family.name != "charter_" + name) continue;
      for (const auto& metric : family.metric) {
        prometheus::Labels all;
        for (const auto& label : metric.label) all[label.name] = label.value;
        if (std::includes(all.begin(), all.end(), labels.begin(), labels.end()))
          return metric.counter.value + metric.gauge.value;
      }
    }
    return NAN;
  }
  bool reaches(double expected, const std::string& name, const prometheus::Labels& labels = {}) {
    return eventually([&] { return value(name, labels) == expected; });
  }

  std::shared_ptr<LinkMeter> meter = std::make_shared<LinkMeter>(here, "r");
  WeightStoreActor actor;
  FarEnd trainer{far(), "ppo_learner"};
};

TEST_F(LinkMeterTest, CountsMessagesByTypeAndDirection) {
  ASSERT_TRUE(trainer.acked(trainer.send(WeightsReady{.model = "policy", .version = 1})));
  trainer.announce(WeightsRequest{.model = "policy"});
  const prometheus::Labels end = {{"run", "r"}, {"actor", "weight_store/0"}, {"link", "weights"}};
  EXPECT_TRUE(reaches(1, "msgs_total", {{"dir", "received"}, {"type", "WeightsReady"}}));
  EXPECT_TRUE(reaches(1, "msgs_total", {{"dir", "received"}, {"type", "WeightsRequest"}}));
  EXPECT_TRUE(
      reaches(2, "msgs_total", {{"dir", "sent"}, {"type", "WeightsReady"}}));  // to all, the answer
  EXPECT_EQ(value("msg_decode_errors_total", end), 0);
  EXPECT_EQ(value("retries_total", end), 0);
}

TEST_F(LinkMeterTest, CountsTheBytesOfDataMessages) {
  const WeightsReady message{.model = "policy", .version = 1};
  ASSERT_TRUE(trainer.acked(trainer.send(message)));
  const auto bytes = static_cast<double>(transport::encode_body(message).size());
  EXPECT_TRUE(reaches(bytes, "msg_bytes_total", {{"dir", "received"}}));
  EXPECT_EQ(value("msg_bytes_total", {{"dir", "sent"}}), 0);  // announcements are control frames
}

TEST_F(LinkMeterTest, ShowsTheCreditOfAnEndThatWasGrantedSome) {
  EXPECT_TRUE(std::isnan(value("credits_available")));
  trainer.grant(5);
  EXPECT_TRUE(reaches(5, "credits_available"));
}

TEST_F(LinkMeterTest, ARestartedActorGoesOnCounting) {
  ASSERT_TRUE(trainer.acked(trainer.send(WeightsReady{.model = "policy", .version = 1})));
  const double bytes = value("msg_bytes_total", {{"dir", "received"}});
  finish(actor);
  EXPECT_EQ(value("msg_bytes_total", {{"dir", "received"}}), std::isnan(bytes) ? 0 : bytes);
  start();
  ASSERT_TRUE(trainer.acked(trainer.send(WeightsReady{.model = "policy", .version = 2})));
  EXPECT_TRUE(reaches(2, "msgs_total", {{"dir", "received"}, {"type", "WeightsReady"}}));
}

TEST_F(LinkMeterTest, OutlivesItsTransport) {
  LinkMeter lonely(std::weak_ptr<const transport::Transport>{}, "r");
  lonely.opened(1, lonely.end("rollout/0", Arrow::kWork));
  EXPECT_FALSE(lonely.Collect().empty());
  lonely.closing(1);
}

// A message of a type the actor does not take on this arrow, one whose body is cut short, and one
// that is followed by something: all are acknowledged, so that nobody sends them again, none
// reaches the actor, and it goes on.
TEST_F(LinkMeterTest, AMalformedMessageIsCountedAcknowledgedAndRefused) {
  const auto good = transport::encode_body(WeightsReady{.model = "policy", .version = 1});
  const auto type = kWireType<WeightsReady>;
  ASSERT_TRUE(trainer.acked(trainer.send(Record{.work_id = 1})));
  ASSERT_TRUE(trainer.acked(trainer.send(type, good.substr(0, good.size() - 1))));
  ASSERT_TRUE(trainer.acked(trainer.send(type, good + "x")));
  ASSERT_TRUE(trainer.acked(trainer.send(uint16_t{999}, "")));
  EXPECT_TRUE(reaches(4, "msg_decode_errors_total"));
  EXPECT_EQ(value("msgs_total", {{"dir", "received"}, {"type", "WeightsReady"}}), 0);
  EXPECT_EQ(probe(actor).progress, 0);
  ASSERT_TRUE(trainer.acked(trainer.send(type, good)));
  EXPECT_EQ(probe(actor).progress, 1);
}

// The weight store tells every peer of a new version, also the trainer that published it.
TEST_F(LinkMeterTest, AnAnnouncementThatDoesNotConcernThisEndIsNoError) {
  trainer.announce(WorkDrained{});
  trainer.announce(WeightsRequest{.model = "policy"});
  EXPECT_TRUE(reaches(1, "msgs_total", {{"dir", "received"}, {"type", "WeightsRequest"}}));
  EXPECT_EQ(value("msgs_total", {{"dir", "received"}, {"type", "other"}}), 1);
  EXPECT_EQ(value("msg_decode_errors_total"), 0);
}

TEST_F(LinkMeterTest, AMalformedAnnouncementIsCountedAndIgnored) {
  trainer.announce(kWireType<WeightsRequest>, "no message");
  EXPECT_TRUE(reaches(1, "msg_decode_errors_total"));
  EXPECT_EQ(probe(actor).progress, 0);
}

}  // namespace
}  // namespace charter::actors
