#include "actors/model_identity.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/store/temp_dir.hpp"

namespace charter::actors {
namespace {

class ModelIdentityTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(directory.path() / name, std::ios::binary) << content;
  }
  uint64_t model() const { return identity_of(directory.path(), {}).model; }

  store::TempDir directory;
};

TEST_F(ModelIdentityTest, ACopyHasTheSameAndAChangedFileAnother) {
  write("config.json", "{}");
  write("model.safetensors", std::string(5000, 'w'));
  const auto identity = model();
  EXPECT_NE(identity, 0u);
  store::TempDir copy;
  for (const char* name : {"model.safetensors", "config.json"})
    std::filesystem::copy_file(directory.path() / name, copy.path() / name);
  EXPECT_EQ(identity_of(copy.path(), {}).model, identity);

  write("config.json", "{ }");
  EXPECT_NE(model(), identity);
  write("config.json", "{}");
  EXPECT_EQ(model(), identity);
  write("model.safetensors", std::string(5000, 'x'));
  EXPECT_NE(model(), identity);
  write("model.safetensors", std::string(5000, 'w'));
  write("extra.json", "{}");
  EXPECT_NE(model(), identity);
}

// Of 8 MiB, 256 blocks of 4 KiB are read: about every 32 KiB, the first and the last byte too.
TEST_F(ModelIdentityTest, ALargeFileIsReadInPlaces) {
  std::string weights(8 << 20, 'w');
  write("model.safetensors", weights);
  const auto identity = model();
  for (const size_t at : {size_t{0}, weights.size() - 1}) {
    auto changed = weights;
    changed[at] = 'x';
    write("model.safetensors", changed);
    EXPECT_NE(model(), identity) << at;
  }
  auto trained = weights;  // 40 KiB in the middle
  std::fill_n(trained.begin() + (4 << 20), 40 << 10, 'x');
  write("model.safetensors", trained);
  EXPECT_NE(model(), identity);
}

TEST_F(ModelIdentityTest, TheTokenizerCountsByItself) {
  write("config.json", "{}");
  model::TokenizerSpec one, two;
  one.tokens = {"a", "b"};
  two.tokens = {"b", "a"};
  const auto first = identity_of(directory.path(), one),
             second = identity_of(directory.path(), two);
  EXPECT_EQ(first.model, second.model);
  EXPECT_NE(first.tokenizer, second.tokenizer);
  EXPECT_EQ(first.tokenizer, model::tokenizer_hash(one));
  transport::Hello hello;
  first.put_into(hello);
  EXPECT_EQ(hello.model_hash, first.model);
  EXPECT_EQ(hello.tokenizer_hash, first.tokenizer);
}

}  // namespace
}  // namespace charter::actors
