#include "actors/publish.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <fstream>

#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class PublishTest : public testing::Test {
 protected:
  WeightsReady publish() { return publish({directory.path(), directory.path()}); }
  WeightsReady publish(const SnapshotPlaces& places) {
    model::Snapshot snapshot{.model = "policy", .lineage = 2, .version = 5};
    snapshot.tensors["head"] = at::ones({4});
    return publish_snapshot(snapshot, places, out);
  }
  static void damage(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x55');
  }

  prometheus::Registry registry;
  metrics::WeightPublishMetrics out = metrics::WeightPublishMetrics::make(registry, {}, "policy");
  metrics::WeightApplyMetrics in = metrics::WeightApplyMetrics::make(registry, {}, "policy");
  store::TempDir directory;
};

TEST_F(PublishTest, AnnouncesWhatItWrote) {
  const auto ready = publish();
  EXPECT_EQ(ready.model, "policy");
  EXPECT_EQ(ready.lineage, 2);
  EXPECT_EQ(ready.version, 5);
  EXPECT_EQ(ready.path, (directory.path() / "policy-2-5.safetensors").string());
  EXPECT_EQ(ready.bytes, static_cast<int64_t>(std::filesystem::file_size(ready.path)));
  EXPECT_EQ(out.seconds.Collect().histogram.sample_count, 1u);
  const auto snapshot = take_snapshot(ready, false, in);
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(at::equal(snapshot->tensors.at("head"), at::ones({4})));
}

TEST_F(PublishTest, MemoryIsTakenWhileItHasRoom) {
  const SnapshotPlaces places{directory.path(), directory.path() / "none"};
  const auto ready = publish(places);
  EXPECT_EQ(ready.path, (directory.path() / "policy-2-5.safetensors").string());
  EXPECT_FALSE(places.spilled(ready.path));
}

// A directory that is not there refuses a file as one without room does.
TEST_F(PublishTest, WhatMemoryDoesNotTakeLiesOnDisk) {
  const SnapshotPlaces places{directory.path() / "full", directory.path()};
  const auto ready = publish(places);
  EXPECT_EQ(ready.path, (directory.path() / "policy-2-5.safetensors").string());
  EXPECT_TRUE(places.spilled(ready.path));
  EXPECT_TRUE(take_snapshot(ready, true, in));
}

TEST_F(PublishTest, NamesBothPlacesWhenNeitherTakesIt) {
  try {
    (void)publish({directory.path() / "full", directory.path() / "too"});
    FAIL() << "expected an error";
  } catch (const std::runtime_error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find((directory.path() / "full/policy-2-5").string()), std::string::npos)
        << text;
    EXPECT_NE(text.find((directory.path() / "too/policy-2-5").string()), std::string::npos) << text;
  }
}

TEST_F(PublishTest, AReplacedFileIsNothingToTake) {
  const auto ready = publish();
  std::filesystem::remove(ready.path);
  EXPECT_FALSE(take_snapshot(ready, true, in));
  EXPECT_EQ(in.checksum_failures.Value(), 0);
}

TEST_F(PublishTest, ADamagedFileIsCountedAndTheOldVersionServesOn) {
  const auto ready = publish();
  damage(ready.path);
  EXPECT_FALSE(take_snapshot(ready, /*must=*/false, in));
  EXPECT_EQ(in.checksum_failures.Value(), 1);
}

TEST_F(PublishTest, ADamagedFileIsAFaultWhenThereIsNoOldVersion) {
  const auto ready = publish();
  damage(ready.path);
  EXPECT_THROW((void)take_snapshot(ready, /*must=*/true, in), std::runtime_error);
  EXPECT_EQ(in.checksum_failures.Value(), 1);
}

}  // namespace
}  // namespace charter::actors
