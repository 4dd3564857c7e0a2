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
  WeightsReady publish() { return publish(places); }
  WeightsReady publish(const SnapshotPlaces& places) {
    model::Snapshot snapshot{.model = "policy", .lineage = 2, .version = 5};
    snapshot.tensors["head"] = at::ones({4});
    return publish_snapshot(snapshot, places, out);
  }
  std::filesystem::path path(const WeightsReady& ready) const { return places.path(ready); }
  static void damage(const std::filesystem::path& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x55');
  }

  prometheus::Registry registry;
  metrics::WeightPublishMetrics out = metrics::WeightPublishMetrics::make(registry, {}, "policy");
  metrics::WeightApplyMetrics in = metrics::WeightApplyMetrics::make(registry, {}, "policy");
  store::TempDir directory;
  const SnapshotPlaces places{directory.path(), directory.path()};
};

TEST_F(PublishTest, AnnouncesWhatItWrote) {
  const auto ready = publish();
  EXPECT_EQ(ready.model, "policy");
  EXPECT_EQ(ready.lineage, 2);
  EXPECT_EQ(ready.version, 5);
  EXPECT_EQ(path(ready), directory.path() / "policy-2-5.safetensors");
  EXPECT_EQ(ready.bytes, static_cast<int64_t>(std::filesystem::file_size(path(ready))));
  EXPECT_EQ(defect(ready, 2), "");
  EXPECT_EQ(out.seconds.Collect().histogram.sample_count, 1u);
  const auto snapshot = take_snapshot(ready, places, false, in);
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(at::equal(snapshot->tensors.at("head"), at::ones({4})));
}

TEST_F(PublishTest, MemoryIsTakenWhileItHasRoom) {
  const SnapshotPlaces two{directory.path(), directory.path() / "none"};
  const auto ready = publish(two);
  EXPECT_EQ(two.path(ready), directory.path() / "policy-2-5.safetensors");
  EXPECT_FALSE(ready.spilled);
}

// A directory that is not there refuses a file as one without room does.
TEST_F(PublishTest, WhatMemoryDoesNotTakeLiesOnDisk) {
  const SnapshotPlaces two{directory.path() / "full", directory.path()};
  const auto ready = publish(two);
  EXPECT_EQ(two.path(ready), directory.path() / "policy-2-5.safetensors");
  EXPECT_TRUE(ready.spilled);
  EXPECT_TRUE(take_snapshot(ready, two, true, in));
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
  std::filesystem::remove(path(ready));
  EXPECT_FALSE(take_snapshot(ready, places, true, in));
  EXPECT_EQ(in.checksum_failures.Value(), 0);
}

TEST_F(PublishTest, ADamagedFileIsCountedAndTheOldVersionServesOn) {
  const auto ready = publish();
  damage(path(ready));
  EXPECT_FALSE(take_snapshot(ready, places, /*must=*/false, in));
  EXPECT_EQ(in.checksum_failures.Value(), 1);
}

// A file that is sound by its own checksums, and not the one that was announced.
TEST_F(PublishTest, AnotherSoundFileThanTheAnnouncedOneIsNotTaken) {
  auto ready = publish();
  model::Snapshot other{.model = "policy", .lineage = 2, .version = 5};
  other.tensors["head"] = at::zeros({4});
  const auto checksum = model::write_snapshot(other, path(ready), /*durable=*/false);
  ASSERT_NE(checksum, ready.checksum);
  EXPECT_FALSE(take_snapshot(ready, places, false, in));
  EXPECT_EQ(in.checksum_failures.Value(), 1);

  other.version = 4;  // under the name of version 5, and announced with its checksum
  ready.checksum = model::write_snapshot(other, path(ready), /*durable=*/false);
  EXPECT_FALSE(take_snapshot(ready, places, false, in));
  EXPECT_EQ(in.checksum_failures.Value(), 2);
}

TEST_F(PublishTest, NamesWhatCannotBeAnnounced) {
  const WeightsReady good{
      .model = "pm", .lineage = 3, .version = 0, .checksum = "0123456789abcdef", .bytes = 1};
  EXPECT_EQ(defect(good, 3), "");
  const auto changed = [&](auto change) {
    auto ready = good;
    change(ready);
    return defect(ready, 3);
  };
  EXPECT_EQ(changed([](auto& r) { r.model = "../pm"; }), "model: expected policy or pm");
  EXPECT_EQ(changed([](auto& r) { r.lineage = 2; }), "lineage: 2, expected 3");
  EXPECT_EQ(changed([](auto& r) { r.version = -1; }), "version: -1, expected 0 or more");
  EXPECT_EQ(changed([](auto& r) { r.bytes = 0; }), "bytes: 0, expected 1 or more");
  EXPECT_EQ(changed([](auto& r) { r.checksum = "0123456789ABCDEF"; }),
            "checksum: expected 16 hexadecimal digits");
}

TEST_F(PublishTest, ADamagedFileIsAFaultWhenThereIsNoOldVersion) {
  const auto ready = publish();
  damage(path(ready));
  EXPECT_THROW((void)take_snapshot(ready, places, /*must=*/true, in), std::runtime_error);
  EXPECT_EQ(in.checksum_failures.Value(), 1);
}

}  // namespace
}  // namespace charter::actors
