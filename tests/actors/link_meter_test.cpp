// The counts of a process's links, and what an actor's end does with a message that is none.
#include "actors/link_meter.hpp"

#include <cmath>
#include <fstream>

#include "actors/publish.hpp"
#include "actors/weight_store.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

// Played by a weight store: it takes WeightsReady and WeightsRequest, and announces WeightsReady.
class LinkMeterTest : public ActorTest {
 protected:
  void SetUp() override {
    start();
    trainer.connect(Arrow::kWeights);
    follower.connect(Arrow::kWeights);
    ASSERT_TRUE(trainer.up());
    ASSERT_TRUE(follower.up());
  }
  void TearDown() override { finish(actor); }
  void start() {
    auto mine = wiring();
    mine.meter = meter;
    actor = system.spawn(weight_store, mine, places, size_t{2},
                         std::map<std::string, metrics::WeightStoreMetrics>{});
  }

  // A version that the store takes: its file is there.
  WeightsReady ready(int64_t version) const {
    const WeightsReady ready{.model = "policy",
                             .lineage = 1,
                             .version = version,
                             .checksum = "0123456789abcdef",
                             .bytes = 7};
    std::ofstream(places.path(ready)) << "weights";
    return ready;
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

  store::TempDir directory;
  const SnapshotPlaces places{directory.path(), directory.path()};
  std::shared_ptr<LinkMeter> meter = std::make_shared<LinkMeter>(here, "r");
  WeightStoreActor actor;
  FarEnd trainer{far(), "ppo_learner"}, follower{far(), "rollout"};
};

TEST_F(LinkMeterTest, CountsMessagesByTypeAndDirection) {
  ASSERT_TRUE(trainer.acked(trainer.send(ready(1))));
  follower.announce(WeightsRequest{.model = "policy"});
  const prometheus::Labels end = {{"run", "r"}, {"actor", "weight_store/0"}, {"link", "weights"}};
  EXPECT_TRUE(reaches(1, "msgs_total", {{"dir", "received"}, {"type", "WeightsReady"}}));
  EXPECT_TRUE(reaches(1, "msgs_total", {{"dir", "received"}, {"type", "WeightsRequest"}}));
  EXPECT_TRUE(
      reaches(2, "msgs_total", {{"dir", "sent"}, {"type", "WeightsReady"}}));  // to all, the answer
  EXPECT_EQ(value("msg_decode_errors_total", end), 0);
  EXPECT_EQ(value("retries_total", end), 0);
}

TEST_F(LinkMeterTest, CountsTheBytesOfDataMessages) {
  const WeightsReady message = ready(1);
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
  ASSERT_TRUE(trainer.acked(trainer.send(ready(1))));
  const double bytes = value("msg_bytes_total", {{"dir", "received"}});
  finish(actor);
  EXPECT_EQ(value("msg_bytes_total", {{"dir", "received"}}), std::isnan(bytes) ? 0 : bytes);
  start();
  ASSERT_TRUE(trainer.acked(trainer.send(ready(2))));
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
  const auto good = transport::encode_body(ready(1));
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

// A message of another arrow, one of this arrow that is another role's to say, and data without
// credit: none reaches the actor.
TEST_F(LinkMeterTest, AnAnnouncementThatIsNotThePeersToMakeIsCountedAndRefused) {
  trainer.announce(WorkDrained{});
  trainer.announce(WeightsRequest{.model = "policy"});
  trainer.announce(ready(1));
  EXPECT_TRUE(reaches(3, "msg_decode_errors_total"));
  EXPECT_EQ(value("msgs_total", {{"dir", "received"}, {"type", "WeightsRequest"}}), 0);
  EXPECT_EQ(probe(actor).progress, 0);
  EXPECT_EQ(probe(actor).state, "nothing published");
}

TEST_F(LinkMeterTest, DataThatIsNotThePeersToSayIsAcknowledgedCountedAndRefused) {
  ASSERT_TRUE(follower.acked(follower.send(ready(1))));
  EXPECT_TRUE(reaches(1, "msg_decode_errors_total"));
  EXPECT_EQ(probe(actor).progress, 0);
}

TEST_F(LinkMeterTest, AMalformedAnnouncementIsCountedAndIgnored) {
  follower.announce(kWireType<WeightsRequest>, "no message");
  EXPECT_TRUE(reaches(1, "msg_decode_errors_total"));
  EXPECT_EQ(probe(actor).progress, 0);
}

// One more of a role than the run has.
TEST_F(LinkMeterTest, WhoIsNotOfTheRunIsNotLetIn) {
  FarEnd surplus(far(), "rollout", 64);
  surplus.connect(Arrow::kWeights);
  EXPECT_TRUE(surplus.refused_with("index: peer has 64, here 0 to 63 is expected"));
}

}  // namespace
}  // namespace charter::actors
