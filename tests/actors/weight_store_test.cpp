#include "actors/weight_store.hpp"

#include <fstream>

#include "actors/publish.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class WeightStoreTest : public ActorTest {
 protected:
  void SetUp() override {
    actor =
        system.spawn(weight_store, wiring(), places, size_t{2},
                     std::map<std::string, metrics::WeightStoreMetrics>{
                         {"policy", metrics::WeightStoreMetrics::make(registry, {}, "policy")}});
    trainer.connect(Arrow::kWeights);
    ASSERT_TRUE(trainer.up());
  }
  void TearDown() override { finish(actor); }

  std::filesystem::path file(const std::string& model, int64_t lineage, int64_t version) const {
    return places.path({.model = model, .lineage = lineage, .version = version});
  }
  static WeightsReady ready(const std::string& model, int64_t version, int64_t lineage = 1) {
    return {.model = model,
            .lineage = lineage,
            .version = version,
            .checksum = "000000000000000" + std::to_string(version),
            .bytes = 7};
  }
  // Writes a file and tells the store of it; true once the store has answered.
  bool publish(const std::string& model, int64_t version, int64_t lineage = 1) {
    return publish(ready(model, version, lineage));
  }
  bool publish(const WeightsReady& message) {
    std::ofstream(places.path(message)) << "weights";
    return trainer.acked(trainer.send(message));
  }

  store::TempDir directory;
  const SnapshotPlaces places{directory.path(), directory.path() / "disk"};
  WeightStoreActor actor;
  FarEnd trainer{far(), "ppo_learner"}, rollout{far(), "rollout"};
};

TEST_F(WeightStoreTest, AnnouncesEachNewVersion) {
  rollout.connect(Arrow::kWeights);
  ASSERT_TRUE(rollout.up());
  for (int64_t version : {1, 2}) {
    ASSERT_TRUE(publish("policy", version));
    EXPECT_TRUE(rollout.wait_announced<WeightsReady>([&](const WeightsReady& m) {
      return m.version == version && m.model == "policy" &&
             m.checksum == "000000000000000" + std::to_string(version) && m.bytes == 7;
    }));
  }
}

TEST_F(WeightStoreTest, SaysItsStateWhenItHasStartedAndAfterEachVersion) {
  EXPECT_TRUE(says("weight_store/0", "nothing published"));
  ASSERT_TRUE(publish("policy", 1));
  ASSERT_TRUE(publish("pm", 2));
  EXPECT_TRUE(says("weight_store/0", "pm 2, policy 1"));
}

TEST_F(WeightStoreTest, AnswersALateJoinersRequestWithTheNewestOfThatModel) {
  ASSERT_TRUE(publish("pm", 3));
  ASSERT_TRUE(publish("policy", 1));
  rollout.connect(Arrow::kWeights);
  ASSERT_TRUE(rollout.up());
  rollout.announce(WeightsRequest{.model = "pm"});
  EXPECT_TRUE(rollout.wait_announced<WeightsReady>(
      [](const auto& m) { return m.model == "pm" && m.version == 3; }));
  rollout.announce(WeightsRequest{.model = "policy", .newer_than = 0});
  EXPECT_TRUE(rollout.wait_announced<WeightsReady>(
      [](const auto& m) { return m.model == "policy" && m.version == 1; }));
}

TEST_F(WeightStoreTest, APassedVersionsFileGoesAndAServedOnesStays) {
  ASSERT_TRUE(publish("policy", 2));
  ASSERT_TRUE(publish("policy", 1));
  EXPECT_EQ(probe(actor).state, "policy 2");
  EXPECT_FALSE(std::filesystem::exists(file("policy", 1, 1)));  // of no use to anybody, in memory
  ASSERT_TRUE(publish("policy", 2));  // told again: the file is the one that is served
  EXPECT_TRUE(std::filesystem::exists(file("policy", 1, 2)));
  ASSERT_TRUE(publish("policy", 3));
  EXPECT_EQ(probe(actor).state, "policy 3");
}

// Each of these names a file that is not a snapshot of this lineage; none is served, none removed.
TEST_F(WeightStoreTest, RefusesWhatNoTrainerOfThisLineageCanHaveAnnounced) {
  const auto victim = directory.path() / "victim-1-1.safetensors";
  std::ofstream(victim) << "weights";
  ASSERT_TRUE(publish("policy", 9, /*lineage=*/2));  // a lineage that is not ours
  auto foreign = ready("victim", 1);
  auto outside = ready("../victim", 1);
  auto absent = ready("policy", 8);
  auto negative = ready("policy", -1);
  for (const auto& message : {foreign, outside, absent, negative})
    ASSERT_TRUE(trainer.acked(trainer.send(message)));
  std::ofstream(file("policy", 1, 1)) << "weights";
  auto longer = ready("policy", 1);
  longer.bytes = 8;
  auto unreadable = ready("policy", 1);
  unreadable.checksum = "../../etc/passwd";
  for (const auto& message : {longer, unreadable})
    ASSERT_TRUE(trainer.acked(trainer.send(message)));
  EXPECT_EQ(probe(actor).state, "nothing published");
  EXPECT_EQ(probe(actor).progress, 0);
  EXPECT_TRUE(std::filesystem::exists(victim));
  EXPECT_TRUE(std::filesystem::exists(file("policy", 2, 9)));
  ASSERT_TRUE(publish("policy", 1));
  EXPECT_EQ(probe(actor).state, "policy 1");
  std::filesystem::remove(victim);
  std::filesystem::remove(file("policy", 2, 9));
}

TEST_F(WeightStoreTest, RemovesTheFilesBeyondTheNewestKept) {
  for (int64_t version : {1, 2, 3}) ASSERT_TRUE(publish("policy", version));
  ASSERT_TRUE(publish("pm", 1));
  EXPECT_FALSE(std::filesystem::exists(file("policy", 1, 1)));
  EXPECT_TRUE(std::filesystem::exists(file("policy", 1, 2)));
  EXPECT_TRUE(std::filesystem::exists(file("policy", 1, 3)));
  EXPECT_TRUE(std::filesystem::exists(file("pm", 1, 1)));  // counted by model
}

TEST_F(WeightStoreTest, SaysOnceThatSharedMemoryHasNoRoom) {
  ASSERT_TRUE(publish("policy", 1));
  EXPECT_EQ(probe(actor).notice, "");
  const auto disk = directory.path() / "disk";
  std::filesystem::create_directory(disk);
  const std::string notice = directory.path().string() +
                             " has no room for a snapshot; what does not fit there lies in " +
                             disk.string();
  auto spilled = ready("policy", 2);
  spilled.spilled = true;
  ASSERT_TRUE(publish(spilled));
  EXPECT_EQ(probe(actor).notice, notice);
  ASSERT_TRUE(publish("policy", 3));
  EXPECT_EQ(probe(actor).notice, notice);
  EXPECT_TRUE(std::filesystem::exists(places.path(spilled)));
  ASSERT_TRUE(publish("policy", 4));
  EXPECT_FALSE(std::filesystem::exists(places.path(spilled)));  // beyond the newest two
  std::filesystem::remove(disk);
}

TEST_F(WeightStoreTest, LeavesNoFileBehindWhenItEnds) {
  ASSERT_TRUE(publish("policy", 1));
  ASSERT_TRUE(publish("policy", 2));
  finish(actor);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace charter::actors
