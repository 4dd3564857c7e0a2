// Directories as people have them: configs that say a thing twice, adapters beside a base, two
// forms of the weights, several ends of a text. The logits of tests/golden/tiny_variants.json are
// transformers' (tests/golden/tiny_variants.py).
#include "model/hf_directory.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "model/safetensors.hpp"
#include "model/transformer.hpp"
#include "tests/model/tiny_directory.hpp"

namespace charter::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string error_of(const TinyDirectory& dir) {
  try {
    (void)load_model(dir.path);
  } catch (const std::runtime_error& e) {
    const std::string text = e.what();
    const std::string path = dir.path.string();
    return text.starts_with(path) ? text.substr(path.size()) : text;
  }
  return "no error";
}

json read_json(const fs::path& file) { return json::parse(std::ifstream(file)); }

at::Tensor last_logits(const ModelFiles& files, const std::vector<int32_t>& ids) {
  const at::NoGradGuard no_grad;
  const Transformer t = make_transformer(files);
  const std::vector<std::vector<int32_t>> sequences{ids};
  return logits(t, hidden_states(t, pack(sequences)))[-1];
}

const json& golden() {
  static const json kGolden = read_json(CHARTER_SOURCE_DIR "/tests/golden/tiny_variants.json");
  return kGolden;
}

void write_variant(const json& variant, TinyDirectory& dir) {
  for (const json& key : variant["remove"]) dir.config.erase(key.get<std::string>());
  dir.set(variant["set"]);
}

void expect_last_logits(const ModelFiles& files, const json& variant) {
  const auto expected = at::tensor(variant["last"].get<std::vector<double>>(), at::kDouble);
  const auto ids = golden()["input_ids"].get<std::vector<int32_t>>();
  EXPECT_LT((last_logits(files, ids) - expected).abs().max().item<double>(), 1e-4);
}

class ConfigVariant : public ::testing::TestWithParam<std::string> {};

TEST_P(ConfigVariant, LogitsEqualTransformersAlsoAfterExport) {
  const json& variant = golden()["variants"][GetParam()];
  TinyDirectory dir(variant["base"]);
  write_variant(variant, dir);
  const ModelFiles files = load_model(dir.path);
  expect_last_logits(files, variant);
  save_hf_directory(files, dir.path / "out");
  const ModelFiles back = load_model(dir.path / "out");
  EXPECT_TRUE(back.config == files.config) << read_json(dir.path / "out/config.json");
  expect_last_logits(back, variant);
}

std::vector<std::string> variants() {
  std::vector<std::string> out;
  for (const auto& [name, row] : golden()["variants"].items()) out.push_back(name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Each, ConfigVariant, ::testing::ValuesIn(variants()),
                         [](const auto& info) { return info.param; });

TEST(HfDirectory, ATiedHeadThatIsTheEmbeddingStaysTied) {
  TinyDirectory dir("qwen2");
  auto tensors = read_safetensors(dir.path / "model.safetensors").tensors;
  tensors["lm_head.weight"] = tensors.at("model.embed_tokens.weight").clone();
  write_safetensors(dir.path / "model.safetensors", tensors);
  EXPECT_TRUE(load_model(dir.path).config.tie_embeddings);
  EXPECT_FALSE(load_model(dir.path).tensors.contains("lm_head.weight"));
  tensors["lm_head.weight"][127][15] += 1e-6;  // one value of 2048
  write_safetensors(dir.path / "model.safetensors", tensors);
  EXPECT_FALSE(load_model(dir.path).config.tie_embeddings);
  EXPECT_TRUE(
      at::equal(load_model(dir.path).tensors.at("lm_head.weight"), tensors.at("lm_head.weight")));
}

TEST(HfDirectory, OfWeightsInTwoFormsTheWholeFileCounts) {
  TinyDirectory dir("llama2");
  dir.write("model.safetensors.index.json", {{"weight_map", {{"a", "absent.safetensors"}}}});
  EXPECT_EQ(load_model(dir.path).tensors.size(), 21u);  // transformers takes it, too
  fs::remove(dir.path / "model.safetensors");
  EXPECT_EQ(error_of(dir), "/absent.safetensors: cannot open: No such file or directory");
}

TEST(HfDirectory, AnAdapterIsRefusedByName) {
  const std::string merge = "merge it into its base (peft: merge_and_unload, then save_pretrained)";
  for (const char* name :
       {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"}) {
    TinyDirectory dir("llama2");
    dir.write(name, json::object());
    EXPECT_EQ(error_of(dir), "/" + std::string(name) +
                                 ": an adapter beside the model, expected merged weights: " +
                                 merge + ", or move its files away");
    fs::remove(dir.path / "config.json");
    EXPECT_EQ(error_of(dir), ": an adapter without its base, expected a whole model: " + merge);
  }
  TinyDirectory dir("llama2");
  dir.write("adapter_config.json", {{"base_model_name_or_path", "some/base"}});
  EXPECT_NE(error_of(dir).find("an adapter for some/base beside"), std::string::npos);
}

TEST(HfDirectory, WeightsInAFormWeDoNotReadAreNamed) {
  const std::string expected =
      ", expected model.safetensors or model.safetensors.index.json (transformers: "
      "from_pretrained, "
      "then save_pretrained; a .gguf file is named by itself)";
  TinyDirectory dir("llama2");
  fs::remove(dir.path / "model.safetensors");
  EXPECT_EQ(error_of(dir), ": no weights" + expected);
  for (const char* name :
       {"tf_model.h5", "pytorch_model.bin", "model.fp16.safetensors", "a.gguf"}) {
    dir.write(name, json::object());  // the first by name is told
    EXPECT_EQ(error_of(dir), ": found " + std::string(name) + expected);
  }
}

TEST(HfDirectory, AllEndsOfATextMakeOneSetAndAreExportedWhole) {
  TinyDirectory dir("llama2");
  dir.set({{"eos_token_id", {2, 5}}});
  dir.write("generation_config.json", {{"eos_token_id", {5, 7}}, {"temperature", 0.6}});
  const ModelFiles files = load_model(dir.path);
  EXPECT_EQ(files.config.eos_ids, (std::vector<int64_t>{2, 5, 7}));
  EXPECT_EQ(files.tokenizer.end_ids, (std::vector<int32_t>{2, 5, 7}));
  save_hf_directory(files, dir.path / "out");
  EXPECT_EQ(read_json(dir.path / "out/config.json")["eos_token_id"], json({2, 5, 7}));
  EXPECT_EQ(read_json(dir.path / "out/generation_config.json")["eos_token_id"], json({2, 5, 7}));
  EXPECT_EQ(load_model(dir.path / "out").config.eos_ids, files.config.eos_ids);

  dir.set({{"eos_token_id", nullptr}});
  dir.write("generation_config.json", {{"eos_token_id", 7}});
  EXPECT_EQ(load_model(dir.path).config.eos_ids, std::vector<int64_t>{7});
  save_hf_directory(load_model(dir.path), dir.path / "one");
  EXPECT_EQ(read_json(dir.path / "one/config.json")["eos_token_id"], 7);
  dir.write("generation_config.json", {{"eos_token_id", 128}});
  EXPECT_EQ(error_of(dir),
            "/generation_config.json: key eos_token_id: 128, expected a token id "
            "below vocab_size 128");
  dir.write("generation_config.json", json::object());
  EXPECT_TRUE(load_model(dir.path).tokenizer.end_ids.empty());
}

TEST(HfDirectory, AWindowIsExportedAsItIs) {
  TinyDirectory dir("mistral");
  dir.set({{"sliding_window", 8}});
  const ModelFiles files = load_model(dir.path);
  EXPECT_EQ(files.config.longest_text(), 8);
  save_hf_directory(files, dir.path / "out");
  const json out = read_json(dir.path / "out/config.json");
  EXPECT_EQ(out["max_position_embeddings"], 128);
  EXPECT_EQ(out["sliding_window"], 8);
  // Nine tokens would need the window: they are refused, not computed as if it were not there.
  const Transformer t = make_transformer(files);
  const std::vector<std::vector<int32_t>> sequences{std::vector<int32_t>(9, 1)};
  EXPECT_THROW((void)hidden_states(t, pack(sequences)), std::invalid_argument);
}

}  // namespace
}  // namespace charter::model
