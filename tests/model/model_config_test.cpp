// What is read of a model's configuration, and what is refused because it would be computed
// wrongly.
#include "model/model_config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "model/gguf_model.hpp"

namespace charter::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json hf_config(const json& more = json::object(), const char* type = "llama") {
  json out = {{"model_type", type},       {"vocab_size", 100},
              {"hidden_size", 64},        {"intermediate_size", 96},
              {"num_hidden_layers", 2},   {"num_attention_heads", 4},
              {"num_key_value_heads", 2}, {"rms_norm_eps", 1e-5},
              {"rope_theta", 10000.0},    {"max_position_embeddings", 32768}};
  if (!more.is_null()) out.update(more);  // {} is null
  return out;
}

ModelConfig read(const json& more, const char* type = "llama") {
  return config_from_hf(hf_config(more, type), "config.json");
}

std::string error_of(const json& more, const char* type = "llama") {
  try {
    (void)read(more, type);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "no error";
}

TEST(HfConfig, ScalingsWeDoNotComputeAreRefusedByName) {
  for (const char* type : {"yarn", "dynamic", "longrope", "su"}) {
    EXPECT_EQ(error_of({{"rope_scaling", {{"rope_type", type}, {"factor", 4.0}}}}),
              "config.json: rope_scaling: key rope_type: \"" + std::string(type) +
                  "\", expected default, linear or llama3");
  }
  // The key of older files, and where transformers 5 keeps it.
  EXPECT_NE(error_of({{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}}), "no error");
  EXPECT_NE(error_of({{"rope_parameters", {{"rope_type", "dynamic"}, {"factor", 4.0}}}}),
            "no error");
  EXPECT_EQ(error_of({{"partial_rotary_factor", 0.5}}),
            "config.json: key partial_rotary_factor: 0.5, expected 1");
}

TEST(HfConfig, ReadsTheScalingOfFrequencies) {
  EXPECT_EQ(read({{"rope_scaling", nullptr}}).rope_scaling.kind, RopeScalingKind::kNone);
  EXPECT_EQ(read({{"rope_scaling", {{"rope_type", "default"}}}}).rope_scaling.kind,
            RopeScalingKind::kNone);
  const RopeScaling expected{.kind = RopeScalingKind::kLinear, .factor = 2.5};
  for (const char* key : {"type", "rope_type"}) {
    EXPECT_TRUE(read({{"rope_scaling", {{key, "linear"}, {"factor", 2.5}}}}).rope_scaling ==
                expected);
  }
  const ModelConfig c =
      read({{"rope_parameters", {{"rope_type", "linear"}, {"factor", 2.5}, {"rope_theta", 5e5}}}});
  EXPECT_TRUE(c.rope_scaling == expected);
  EXPECT_EQ(c.rope_theta, 5e5);
  EXPECT_EQ(error_of({{"rope_scaling", {{"type", "linear"}}}}),
            "config.json: rope_scaling: key factor: expected a number, but absent");
}

TEST(HfConfig, BiasesWeDoNotComputeAreRefusedByName) {
  EXPECT_EQ(error_of({{"attention_bias", true}}),
            "config.json: key attention_bias: true, expected false");
  EXPECT_EQ(error_of({{"mlp_bias", true}}), "config.json: key mlp_bias: true, expected false");
  EXPECT_EQ(error_of({{"attention_bias", false}, {"mlp_bias", false}}), "no error");
  EXPECT_EQ(error_of({{"hidden_act", "gelu"}}),
            "config.json: key hidden_act: \"gelu\", expected \"silu\"");
}

TEST(HfConfig, AWindowBoundsTheTextsWeCompute) {
  const auto longest = [](const json& more, const char* type) {
    const ModelConfig c = read(more, type);
    EXPECT_EQ(c.max_position, 32768);
    return c.longest_text();
  };
  EXPECT_EQ(longest({{"sliding_window", 1024}}, "mistral"), 1024);
  EXPECT_EQ(longest({{"sliding_window", 65536}}, "mistral"), 32768);
  EXPECT_EQ(longest({{"sliding_window", nullptr}}, "mistral"), 32768);
  EXPECT_EQ(longest({}, "mistral"), 4096);  // transformers' default
  EXPECT_EQ(error_of({{"sliding_window", 0}}, "mistral"),
            "config.json: sliding_window: 0, expected 1 or more");
  for (const char* type : {"qwen2", "qwen3"}) {
    EXPECT_EQ(longest({{"sliding_window", 1024}}, type), 32768);
    EXPECT_EQ(longest({{"sliding_window", 1024}, {"use_sliding_window", false}}, type), 32768);
    // Two layers, and those from max_window_layers on have the window: by default from 28 on.
    json window = {{"sliding_window", 1024}, {"use_sliding_window", true}};
    EXPECT_EQ(longest(window, type), 32768);
    window["max_window_layers"] = 1;
    EXPECT_EQ(longest(window, type), 1024);
    EXPECT_EQ(read(window, type).windowed_layers, (std::vector<bool>{false, true}));
    window["layer_types"] = {"sliding_attention", "full_attention"};
    EXPECT_EQ(read(window, type).windowed_layers, (std::vector<bool>{true, false}));
    window["layer_types"] = {"sliding_attention", "sliding_attention"};
    EXPECT_TRUE(read(window, type).windowed_layers.empty());
    EXPECT_EQ(longest({{"use_sliding_window", true}, {"max_window_layers", 0}}, type), 4096);
    window["use_sliding_window"] = false;
    EXPECT_EQ(error_of(window, type),
              "config.json: key layer_types: names sliding_attention, expected a sliding_window "
              "that is used");
    EXPECT_EQ(error_of({{"layer_types", {"full_attention"}}}, type),
              "config.json: key layer_types: expected a list of 2 names");
    EXPECT_EQ(error_of({{"layer_types", {"full_attention", "linear_attention"}}}, type),
              "config.json: key layer_types: \"linear_attention\", expected full_attention or "
              "sliding_attention");
  }
  EXPECT_EQ(longest({}, "llama"), 32768);
}

TEST(HfConfig, AllEndIdsAreRead) {
  EXPECT_EQ(read({{"eos_token_id", 7}}).eos_ids, std::vector<int64_t>{7});
  EXPECT_EQ(read({{"eos_token_id", {9, 7, 8, 7}}}).eos_ids, (std::vector<int64_t>{9, 7, 8}));
  EXPECT_TRUE(read({{"eos_token_id", nullptr}}).eos_ids.empty());
  EXPECT_EQ(error_of({{"eos_token_id", json::array()}}),
            "config.json: key eos_token_id: [], expected a token id");
  EXPECT_EQ(error_of({{"eos_token_id", {2, 100}}}),
            "config.json: eos_ids: 100, expected a token id below vocab_size 100");
  EXPECT_EQ(error_of({{"bos_token_id", {2}}}),
            "config.json: key bos_token_id: [2], expected a token id");
}

TEST(HfConfig, ANegativeIdIsNone) {
  const ModelConfig c =
      read({{"pad_token_id", -1}, {"bos_token_id", -1}, {"eos_token_id", {-1, 4}}});
  EXPECT_EQ(c.pad_id, std::nullopt);
  EXPECT_EQ(c.bos_id, std::nullopt);
  EXPECT_EQ(c.eos_ids, std::vector<int64_t>{4});
  EXPECT_EQ(error_of({{"pad_token_id", 100}}),
            "config.json: pad_id: 100, expected a token id below vocab_size 100");
}

TEST(HfConfig, AbsentKeysAreTransformersDefaults) {
  const std::tuple<const char*, int64_t, int64_t> rows[] = {
      {"llama", 2048, 32}, {"mistral", 131072, 8}, {"qwen2", 32768, 32}, {"qwen3", 32768, 32}};
  for (const auto& [type, length, kv_heads] : rows) {
    json config = hf_config({{"num_attention_heads", 32}}, type);
    config.erase("max_position_embeddings"), config.erase("num_key_value_heads");
    const ModelConfig c = config_from_hf(config, "config.json");
    EXPECT_EQ(c.max_position, length) << type;
    EXPECT_EQ(c.num_kv_heads, kv_heads) << type;
    config["num_key_value_heads"] = nullptr;  // as many as there are heads, in every family
    EXPECT_EQ(config_from_hf(config, "config.json").num_kv_heads, 32) << type;
  }
}

TEST(HfConfig, AKeyThatIsNotComputedWithIsRefused) {
  EXPECT_EQ(error_of({{"is_causal", false}}), "config.json: key is_causal: false, expected true");
  EXPECT_NE(error_of({{"attention_multiplier", 0.5}}), "no error");
  EXPECT_EQ(error_of({{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}, {"mscale", 1}}}})
                .substr(0, 43),
            "config.json: rope_scaling: key mscale: is n");
  EXPECT_EQ(error_of({{"rope_scaling", {{"rope_type", nullptr}}}}), "no error");
}

TEST(HfConfig, WhatIsWrittenReadsBackEqual) {
  const RopeScaling scalings[] = {
      {},
      {.kind = RopeScalingKind::kLinear, .factor = 2.5},
      {.kind = RopeScalingKind::kLlama3, .factor = 32, .original_max_position = 4096}};
  for (const char* type : {"llama", "mistral", "qwen2", "qwen3"}) {
    for (const RopeScaling& scaling : scalings) {
      ModelConfig c = read({{"eos_token_id", {3, 4}}}, type);
      c.rope_scaling = scaling;
      EXPECT_TRUE(config_from_hf(config_to_hf(c), "back") == c) << config_to_hf(c);
      if (c.family == ModelFamily::kLlama) continue;
      c.sliding_window = 1024;
      EXPECT_TRUE(config_from_hf(config_to_hf(c), "back") == c) << config_to_hf(c);
      if (c.family == ModelFamily::kMistral) continue;
      c.windowed_layers = {false, true};
      EXPECT_TRUE(config_from_hf(config_to_hf(c), "back") == c) << config_to_hf(c);
    }
  }
}

TEST(ModelConfig, Llama3DividesByBandOfWavelength) {
  // theta 100, a head of 8: wavelengths 2 pi 100^(i/8) = 6.28, 19.87, 62.83, 198.69 for i = 0 2
  // 4 6. Of 32 tokens with low 1 and high 4: below 8 kept, above 32 divided, and at 19.87 s =
  // (32/19.87 - 1) / 3 = 0.2035, divisor 1 / ((1 - s)/4 + s) = 2.483.
  const auto got = llama3_frequency_divisors(
      8, 100.0, {.kind = RopeScalingKind::kLlama3, .factor = 4, .original_max_position = 32});
  const float expected[] = {1.0f, 2.483f, 4.0f, 4.0f};
  ASSERT_EQ(got.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], expected[i], 1e-3) << i;
}

// A GGUF file of metadata, with an embedding of 100 rows, and rope_freqs when there are any.
class GgufConfig : public ::testing::Test {
 protected:
  using Value = std::variant<uint32_t, float, std::string, bool>;

  ModelConfig read(const std::map<std::string, Value>& more, std::vector<float> divisors = {}) {
    std::map<std::string, Value> keys = {{"general.architecture", "llama"},
                                         {"llama.block_count", 2u},
                                         {"llama.context_length", 32768u},
                                         {"llama.embedding_length", 64u},
                                         {"llama.feed_forward_length", 96u},
                                         {"llama.attention.head_count", 4u},
                                         {"llama.attention.head_count_kv", 2u},
                                         {"llama.rope.freq_base", 500000.0f},
                                         {kEps, 1e-5f}};
    for (const auto& [key, value] : more) keys[key] = value;
    for (const auto& key : absent_) keys.erase(key);
    data_ = "GGUF";
    put<uint32_t>(3), put<uint64_t>(divisors.empty() ? 1 : 2), put<uint64_t>(keys.size());
    for (const auto& [key, value] : keys) put_entry(key, value);
    text("token_embd.weight"), put<uint32_t>(2), put<uint64_t>(64), put<uint64_t>(100);
    put<uint32_t>(0), put<uint64_t>(0);
    if (!divisors.empty()) {
      text("rope_freqs.weight"), put<uint32_t>(1), put<uint64_t>(divisors.size());
      put<uint32_t>(0), put<uint64_t>(100 * 64 * 4);
    }
    data_.resize((data_.size() + 31) / 32 * 32 + 100 * 64 * 4);
    for (const float d : divisors) put(d);
    std::ofstream(file_, std::ios::binary) << data_;
    return config_from_gguf(GgufFile::open(file_));
  }
  std::string error_of(const std::map<std::string, Value>& more, std::vector<float> divisors = {}) {
    try {
      (void)read(more, std::move(divisors));
    } catch (const std::runtime_error& e) {
      return std::string(e.what()).substr(file_.string().size());
    }
    return "no error";
  }
  void TearDown() override { fs::remove(file_); }

  static constexpr const char* kEps = "llama.attention.layer_norm_rms_epsilon";
  std::set<std::string> absent_;  // left out of the file

 private:
  template <typename T>
  void put(T value) {
    data_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void text(const std::string& s) { put<uint64_t>(s.size()), data_ += s; }
  void put_entry(const std::string& key, const Value& value) {
    text(key);
    if (const auto* number = std::get_if<uint32_t>(&value)) put<uint32_t>(4), put(*number);
    if (const auto* real = std::get_if<float>(&value)) put<uint32_t>(6), put(*real);
    if (const auto* string = std::get_if<std::string>(&value)) put<uint32_t>(8), text(*string);
    if (const auto* flag = std::get_if<bool>(&value)) put<uint32_t>(7), put<uint8_t>(*flag);
  }
  std::string data_;
  fs::path file_ = fs::temp_directory_path() / ("charter_config_" + std::to_string(::getpid()));
};

TEST_F(GgufConfig, ScalingsWeDoNotComputeAreRefusedByName) {
  for (const std::string type : {"yarn", "longrope", "dynamic"}) {
    EXPECT_EQ(error_of({{"llama.rope.scaling.type", type}, {"llama.rope.scaling.factor", 4.0f}}),
              ": key llama.rope.scaling.type: \"" + type + "\", expected none or linear");
  }
  EXPECT_EQ(error_of({{"llama.rope.dimension_count", 8u}}),
            ": key llama.rope.dimension_count: 8, expected the head's 16");
}

TEST_F(GgufConfig, ReadsLinearScaling) {
  const RopeScaling expected{.kind = RopeScalingKind::kLinear, .factor = 2.5};
  EXPECT_TRUE(read({{"llama.rope.scaling.type", "linear"}, {"llama.rope.scaling.factor", 2.5f}})
                  .rope_scaling == expected);
  // llama.cpp takes it as linear where no type is named, and knows an older key.
  EXPECT_TRUE(read({{"llama.rope.scaling.factor", 2.5f}}).rope_scaling == expected);
  EXPECT_TRUE(read({{"llama.rope.scale_linear", 2.5f}}).rope_scaling == expected);
  EXPECT_TRUE(read({{"llama.rope.scaling.type", "none"}, {"llama.rope.scaling.factor", 2.5f}})
                  .rope_scaling == RopeScaling{});
  EXPECT_TRUE(read({}).rope_scaling == RopeScaling{});
}

TEST_F(GgufConfig, FindsLlama3sFactorInItsDivisors) {
  const RopeScaling llama3{.kind = RopeScalingKind::kLlama3, .factor = 32};
  const auto divisors = llama3_frequency_divisors(16, 500000.0, llama3);
  EXPECT_TRUE(read({}, divisors).rope_scaling == llama3);
  EXPECT_EQ(error_of({}, std::vector<float>(8, 3.0f)),
            ": tensor rope_freqs.weight: expected Llama 3's frequency divisors (low 1, high 4, "
            "8192 tokens)");
  EXPECT_EQ(error_of({}, std::vector<float>(9, 1.0f)),
            ": tensor rope_freqs.weight: expected 8 values, one for each pair of a head");
}

TEST_F(GgufConfig, AWindowIsMistrals) {
  EXPECT_EQ(read({}).longest_text(), 32768);
  const ModelConfig c = read({{"llama.attention.sliding_window", 1024u}});
  EXPECT_EQ(c.longest_text(), 1024);
  EXPECT_EQ(c.max_position, 32768);
  EXPECT_EQ(config_to_hf(c)["model_type"], "mistral");  // the family that can say it
  EXPECT_EQ(config_to_hf(c)["sliding_window"], 1024);
  EXPECT_EQ(read({{"llama.attention.sliding_window", 65536u}}).longest_text(), 32768);
  EXPECT_EQ(read({{"llama.attention.sliding_window", 0u}}).sliding_window, std::nullopt);
}

TEST_F(GgufConfig, EosEotAndEomAreEnds) {
  EXPECT_TRUE(read({}).eos_ids.empty());
  EXPECT_EQ(read({{"tokenizer.ggml.eot_token_id", 5u}}).eos_ids, std::vector<int64_t>{5});
  EXPECT_EQ(read({{"tokenizer.ggml.eos_token_id", 7u},
                  {"tokenizer.ggml.eot_token_id", 5u},
                  {"tokenizer.ggml.eom_token_id", 7u}})
                .eos_ids,
            (std::vector<int64_t>{7, 5}));
}

TEST_F(GgufConfig, AKeyThatWouldChangeNumbersIsRefusedByName) {
  const std::string unknown =
      ": is not computed with, expected a key we know (docs/models.md); if it changes no number, "
      "remove it";
  for (const std::string key :
       {"llama.attention.scale", "llama.attn_logit_softcapping", "llama.expert_weights_scale",
        "llama.rope.dimension_sections", "llama.rope.scaling.yarn_ext_factor",
        "tokenizer.ggml.precompiled_charsmap", "tokenizer.ggml.suppress_tokens"}) {
    EXPECT_EQ(error_of({{key, 2.0f}}), ": key " + key + unknown);
  }
  EXPECT_EQ(error_of({{"llama.attention.causal", false}}),
            ": key llama.attention.causal: 0, expected 1");
  EXPECT_EQ(error_of({{"llama.rope.scaling.attn_factor", 1.5f}}),
            ": key llama.rope.scaling.attn_factor: 1.5, expected 1");
  EXPECT_EQ(error_of({{"llama.expert_count", 8u}}), ": key llama.expert_count: 8, expected 0");
  EXPECT_EQ(error_of({{"llama.attention.value_length", 8u}}),
            ": key llama.attention.value_length: 8, expected the head's 16");
  EXPECT_EQ(error_of({{"tokenizer.ggml.add_eos_token", true}}),
            ": key tokenizer.ggml.add_eos_token: 1, expected 0");
  EXPECT_EQ(error_of({{"general.type", "adapter"}}),
            ": key general.type: \"adapter\", expected a whole \"model\"");
  EXPECT_EQ(error_of({{"split.count", 3u}}),
            ": key split.count: 3 files, expected one (llama-gguf-split --merge joins them)");
  EXPECT_EQ(error_of({{"llama.attention.causal", true},
                      {"llama.rope.scaling.attn_factor", 1.0f},
                      {"llama.expert_count", 0u},
                      {"llama.vocab_size", 100u},
                      {"tokenizer.ggml.add_eos_token", false},
                      {"tokenizer.ggml.fim_pre_token_id", 4u},
                      {"general.name", "x"},
                      {"quantize.imatrix.file", "x"},
                      {"mistral.attention.scale", 3.0f}}),
            "no error");
}

TEST_F(GgufConfig, WithoutEpsilonThereIsNoModel) {
  absent_ = {kEps};
  EXPECT_EQ(error_of({}), ": key " + std::string(kEps) + ": expected, but absent");
}

TEST_F(GgufConfig, DivisorsAndALinearFactorAreNotBoth) {
  const auto divisors =
      llama3_frequency_divisors(16, 500000.0, {.kind = RopeScalingKind::kLlama3, .factor = 32});
  EXPECT_EQ(error_of({{"llama.rope.scaling.factor", 2.0f}}, divisors),
            ": tensor rope_freqs.weight: expected no linear scaling beside it, got a factor of "
            "2.000000");
  EXPECT_EQ(error_of({{"llama.rope.scaling.type", "none"}, {"llama.rope.scaling.factor", 2.0f}},
                     divisors),
            "no error");
}

TEST_F(GgufConfig, AnAbsentKeyOrAnotherArchitectureIsNamed) {
  EXPECT_EQ(error_of({{"general.architecture", "gemma"}}),
            ": key general.architecture: \"gemma\", expected llama, qwen2 or qwen3");
  EXPECT_EQ(error_of({{"general.architecture", "qwen2"}}),
            ": key qwen2.embedding_length: expected, but absent");
  EXPECT_EQ(error_of({{"llama.attention.head_count_kv", 3u}}),
            ": num_kv_heads: 3, expected a divisor of num_heads 4");
}

}  // namespace
}  // namespace charter::model
