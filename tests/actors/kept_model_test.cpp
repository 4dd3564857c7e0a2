// With a model of two layers of random weights.
#include "actors/kept_model.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "store/manifest.hpp"
#include "tests/store/temp_dir.hpp"
#include "tests/system/tiny_model_files.hpp"

namespace charter::actors {
namespace {

namespace fs = std::filesystem;

void flip_a_bit(const fs::path& path, int64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const char flipped = static_cast<char>(file.get() ^ 4);
  file.seekp(offset);
  file.put(flipped);
}

class KeptModel : public testing::Test {
 protected:
  KeptModel() { save_kept_model(files, dir); }
  std::string refusal() const {
    try {
      (void)load_kept_model(dir);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
  std::string what_to_do() const {
    return "; it has changed since it was written: restore it from a backup, or move " +
           dir.string() + " away and start the run again, which makes it anew";
  }

  store::TempDir temp;
  fs::path dir = temp.path() / "sl_cai";
  model::ModelFiles files =
      tiny_model_files(CHARTER_SOURCE_DIR "/tests/golden/metaspace/trained.gguf");
};

TEST_F(KeptModel, CarriesTheFormatThatItWasTrainedIn) {
  const auto tokenizer = std::make_shared<const model::Tokenizer>(files.tokenizer);
  const PolicyText text(tokenizer, model::ChatTemplate(model::ChatFormat::kPlain, *tokenizer));
  files.config.eos_ids = {5};
  carry_format(files, text);
  EXPECT_EQ(files.chat_template, text.template_source());
  const std::vector<int64_t> ends = {5, text.end_token()};
  EXPECT_EQ(files.config.eos_ids, ends);
  carry_format(files, text);
  EXPECT_EQ(files.config.eos_ids, ends);
}

TEST_F(KeptModel, IsReadBack) {
  const auto back = load_kept_model(dir);
  ASSERT_EQ(back.tensors.size(), files.tensors.size());
  for (const auto& [name, tensor] : files.tensors)
    EXPECT_TRUE(at::equal(back.tensors.at(name), tensor)) << name;
  EXPECT_EQ(kept_sum(dir), store::Manifest::read(dir)->xxh3());
}

// The last byte of the weights: no shape, name or header shows it.
TEST_F(KeptModel, OneFlippedBitIsOneLineThatSaysWhatToDo) {
  const auto file = dir / "model.safetensors";
  const auto expected = store::sum_of_file(file);
  flip_a_bit(file, static_cast<int64_t>(fs::file_size(file)) - 1);
  EXPECT_EQ(refusal(), file.string() + ": checksum " + store::sum_of_file(file).xxh3 +
                           ", expected " + expected.xxh3 + what_to_do());
}

TEST_F(KeptModel, EveryFileOfItIsChecked) {
  const auto manifest = store::Manifest::read(dir);
  for (const auto& [name, sum] : manifest->files()) {
    flip_a_bit(dir / name, 20);
    EXPECT_TRUE(refusal().starts_with((dir / name).string() + ": checksum ")) << refusal();
    flip_a_bit(dir / name, 20);
  }
  fs::resize_file(dir / "tokenizer.json", 100);
  EXPECT_TRUE(refusal().starts_with((dir / "tokenizer.json").string() + ": 100 bytes, expected "))
      << refusal();
  fs::remove(dir / "tokenizer.json");
  EXPECT_EQ(refusal(),
            (dir / "tokenizer.json").string() + ": missing or not readable" + what_to_do());
}

TEST_F(KeptModel, ADamagedManifestIsRefused) {
  flip_a_bit(dir / "manifest.json", 40);
  EXPECT_EQ(refusal(), (dir / "manifest.json").string() +
                           ": is damaged, expected its own checksum" + what_to_do());
  EXPECT_EQ(kept_sum(dir), "");
}

TEST_F(KeptModel, ADirectoryOfTheUsersIsReadAsItIs) {
  fs::remove(dir / "manifest.json");
  EXPECT_EQ(load_kept_model(dir).tensors.size(), files.tensors.size());
  std::ofstream(dir / "manifest.json") << R"({"name": "somebody else's"})";
  EXPECT_EQ(load_kept_model(dir).tensors.size(), files.tensors.size());
}

TEST_F(KeptModel, ASnapshotsErrorSaysWhatToDoToo) {
  const auto file = temp.path() / "pm.safetensors";
  model::write_snapshot({.model = "pm", .version = 3, .tensors = {{"a", at::ones({4})}}}, file,
                        true);
  EXPECT_EQ(read_kept_snapshot(file).version, 3);
  const auto sum = kept_sum(file);
  model::write_snapshot({.model = "pm", .version = 3, .tensors = {{"a", at::zeros({4})}}}, file,
                        true);
  EXPECT_NE(kept_sum(file), sum);  // other tensors, though of the same shape
  flip_a_bit(file, static_cast<int64_t>(fs::file_size(file)) - 1);
  try {
    (void)read_kept_snapshot(file);
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with(file.string() + ": tensor a: checksum ")) << text;
    EXPECT_NE(text.find("or move " + file.string() + " away"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace charter::actors
