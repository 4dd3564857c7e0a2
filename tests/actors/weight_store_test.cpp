#include "actors/weight_store.hpp"

#include <fstream>

#include "tests/actors/fixture.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class WeightStoreTest : public ActorTest {
 protected:
  void SetUp() override {
    actor =
        system.spawn(weight_store, wiring(),
                     SnapshotPlaces{directory.path(), directory.path() / "disk"}, size_t{2},
                     std::map<std::string, metrics::WeightStoreMetrics>{
                         {"policy", metrics::WeightStoreMetrics::make(registry, {}, "policy")}});
    trainer.connect(Arrow::kWeights);
    ASSERT_TRUE(trainer.up());
  }
  void TearDown() override { finish(actor); }

  std::filesystem::path file(const std::string& model, int64_t lineage, int64_t version) const {
    return directory.path() /
           (model + "-" + std::to_string(lineage) + "-" + std::to_string(version));
  }
  // Writes a file and tells the store of it; true once the store knows.
  bool publish(const std::string& model, int64_t version, int64_t lineage = 1) {
    return publish(file(model, lineage, version), model, version, lineage);
  }
  bool publish(const std::filesystem::path& path, const std::string& model, int64_t version,
               int64_t lineage) {
    std::ofstream(path) << "weights";
    return trainer.acked(trainer.send(WeightsReady{.model = model,
                                                   .lineage = lineage,
                                                   .version = version,
                                                   .path = path.string(),
                                                   .checksum = "c" + std::to_string(version),
                                                   .bytes = 7}));
  }

  store::TempDir directory;
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
             m.checksum == "c" + std::to_string(version) && m.bytes == 7 &&
             m.path == file("policy", 1, version).string();
    }));
  }
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

TEST_F(WeightStoreTest, IgnoresAnOlderLineageWhateverItsVersion) {
  ASSERT_TRUE(publish("policy", 1, /*lineage=*/2));
  ASSERT_TRUE(publish("policy", 9, /*lineage=*/1));
  EXPECT_EQ(probe(actor).state, "policy 1");
  EXPECT_FALSE(std::filesystem::exists(file("policy", 1, 9)));  // of no use to anybody, in memory
  EXPECT_TRUE(std::filesystem::exists(file("policy", 2, 1)));
  ASSERT_TRUE(
      publish("policy", 1, /*lineage=*/2));  // told again: the file is the one that is served
  EXPECT_TRUE(std::filesystem::exists(file("policy", 2, 1)));
  ASSERT_TRUE(publish("policy", 2, /*lineage=*/2));
  EXPECT_EQ(probe(actor).state, "policy 2");
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
  ASSERT_TRUE(publish(disk / "policy-1-2", "policy", 2, 1));
  EXPECT_EQ(probe(actor).notice, notice);
  ASSERT_TRUE(publish("policy", 3));
  EXPECT_EQ(probe(actor).notice, notice);
  EXPECT_TRUE(std::filesystem::exists(disk / "policy-1-2"));
  ASSERT_TRUE(publish("policy", 4));
  EXPECT_FALSE(std::filesystem::exists(disk / "policy-1-2"));  // beyond the newest two
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
