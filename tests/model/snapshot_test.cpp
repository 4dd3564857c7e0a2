#include "model/snapshot.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace charter::model {
namespace {

class SnapshotFile : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ =
        std::filesystem::temp_directory_path() / ("charter_snapshot_" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir_);
    path_ = dir_ / "policy.safetensors";
    snapshot_ = {.model = "policy",
                 .lineage = 2,
                 .version = 41,
                 .tensors = {{"a.lora_a", at::arange(12, at::kFloat).view({3, 4})},
                             {"value_head.bias", at::full({}, 0.25)}},
                 .metadata = {{"lora_alpha", "16"}, {"note", "Zürich \"q\""}}};
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void rewrite(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  std::string error() const {
    try {
      (void)read_snapshot(path_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path dir_, path_;
  Snapshot snapshot_;
};

TEST_F(SnapshotFile, ComesBackAsItWas) {
  const std::string hash = write_snapshot(snapshot_, path_, true);
  EXPECT_EQ(hash.size(), 16u);
  const Snapshot back = read_snapshot(path_);
  EXPECT_EQ(back.model, "policy");
  EXPECT_EQ(back.lineage, 2);
  EXPECT_EQ(back.version, 41);
  EXPECT_EQ(back.metadata, snapshot_.metadata);
  ASSERT_EQ(back.tensors.size(), 2u);
  for (const auto& [name, tensor] : snapshot_.tensors) {
    EXPECT_TRUE(at::equal(back.tensors.at(name), tensor)) << name;
  }
  EXPECT_EQ(write_snapshot(snapshot_, path_, false), hash);
}

TEST_F(SnapshotFile, AFlippedBitNamesFileAndTensor) {
  write_snapshot(snapshot_, path_, false);
  std::string all = bytes();
  all[all.size() - 4 - 5] ^= 1;  // the scalar is last; five bytes before it is a.lora_a
  rewrite(all);
  EXPECT_NE(error().find(path_.string() + ": tensor a.lora_a: checksum"), std::string::npos)
      << error();
}

TEST_F(SnapshotFile, AChangedVersionIsSeen) {
  write_snapshot(snapshot_, path_, false);
  std::string all = bytes();
  const std::string field = "\"charter.version\":\"41\"";
  const size_t at = all.find(field);
  ASSERT_NE(at, std::string::npos);
  all[at + field.size() - 2] = '9';
  rewrite(all);
  EXPECT_NE(error().find("header: its checksum differs"), std::string::npos) << error();
}

TEST_F(SnapshotFile, EveryTruncationIsAClearError) {
  write_snapshot(snapshot_, path_, false);
  const std::string all = bytes();
  for (size_t n = 0; n < all.size(); n += 13) {
    rewrite(all.substr(0, n));
    EXPECT_NE(error().find(path_.string()), std::string::npos) << "cut to " << n << ": " << error();
  }
}

TEST_F(SnapshotFile, NoByteCanBeChangedUnseen) {
  write_snapshot(snapshot_, path_, false);
  const std::string all = bytes();
  for (size_t i = 0; i < all.size(); i += 7) {
    std::string changed = all;
    changed[i] ^= 4;
    if (all[i] == ' ') continue;  // padding of the header
    rewrite(changed);
    EXPECT_NE(error(), "no error") << "byte " << i;
  }
}

}  // namespace
}  // namespace charter::model
