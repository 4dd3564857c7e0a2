#include "model/config_keys.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

std::string error_of(const json& hf, ModelFamily family = ModelFamily::kLlama) {
  try {
    check_hf_keys(hf, family, "config.json");
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

const std::string kUnknown =
    ": is not computed with, expected a key we know (docs/models.md); if it changes no number, "
    "remove it";

TEST(HfKeys, WhatWouldChangeNumbersIsRefusedByName) {
  // Of other families, of quantization, of experts, made up: nobody here computes with them.
  for (const char* key :
       {"attention_multiplier", "final_logit_softcapping", "attn_logit_softcapping", "rotary_pct",
        "query_pre_attn_scalar", "attn_temperature_tuning", "norm_topk_prob", "num_local_experts",
        "no_rope_layers", "rope_local_base_freq", "some_new_scale"}) {
    EXPECT_EQ(error_of({{key, 0.5}}), "config.json: key " + std::string(key) + kUnknown);
    EXPECT_EQ(error_of({{key, false}}), "config.json: key " + std::string(key) + kUnknown);
    EXPECT_EQ(error_of({{key, nullptr}}), "no error");  // as if absent
  }
}

TEST(HfKeys, AKnownKeyMaySayThatItChangesNothing) {
  const std::tuple<const char*, json, json> rows[] = {
      {"hidden_act", "silu", "gelu"},       {"hidden_act", "swish", "relu"},
      {"attention_bias", false, true},      {"mlp_bias", false, true},
      {"is_causal", true, false},           {"partial_rotary_factor", 1.0, 0.5},
      {"rope_interleaved", false, true},    {"use_mrope", false, true},
      {"use_qk_norm", false, true},         {"embedding_multiplier", 1, 12},
      {"residual_multiplier", 1.0, 0.22},   {"logits_scaling", 1, 8},
      {"add_cross_attention", false, true}, {"is_encoder_decoder", false, true}};
  for (const auto& [key, good, bad] : rows) {
    for (const ModelFamily family :
         {ModelFamily::kLlama, ModelFamily::kMistral, ModelFamily::kQwen2, ModelFamily::kQwen3}) {
      EXPECT_EQ(error_of({{key, good}}, family), "no error") << key;
      EXPECT_TRUE(error_of({{key, bad}}, family)
                      .starts_with("config.json: key " + std::string(key) + ": " + bad.dump()))
          << error_of({{key, bad}}, family);
    }
  }
  EXPECT_EQ(error_of({{"is_causal", false}}), "config.json: key is_causal: false, expected true");
  EXPECT_TRUE(error_of({{"quantization_config", {{"bits", 4}}}})
                  .starts_with("config.json: key quantization_config: {\"bits\":4}, expected {}"));
}

TEST(HfKeys, AWindowIsAKeyOfTheFamiliesThatHaveOne) {
  EXPECT_EQ(error_of({{"sliding_window", 8}}), "config.json: key sliding_window" + kUnknown);
  EXPECT_EQ(error_of({{"layer_types", json::array()}}), "config.json: key layer_types" + kUnknown);
  // Llama made of Qwen: its keys, switched off.
  const json off = {
      {"use_sliding_window", false}, {"sliding_window", 8}, {"max_window_layers", 28}};
  EXPECT_EQ(error_of(off), "no error");
  EXPECT_EQ(error_of({{"use_sliding_window", true}, {"sliding_window", 8}}).substr(0, 43),
            "config.json: key sliding_window: is not com");
  EXPECT_EQ(error_of({{"sliding_window", 8}}, ModelFamily::kMistral), "no error");
  EXPECT_EQ(error_of({{"layer_types", json::array()}}, ModelFamily::kMistral),
            "config.json: key layer_types" + kUnknown);
  for (const ModelFamily family : {ModelFamily::kQwen2, ModelFamily::kQwen3}) {
    EXPECT_EQ(error_of({{"use_sliding_window", true},
                        {"sliding_window", 8},
                        {"max_window_layers", 1},
                        {"layer_types", {"full_attention"}}},
                       family),
              "no error");
  }
}

TEST(HfKeys, WhatChangesNoNumberIsKnownByNameOrPattern) {
  const json harmless = {{"architectures", {"LlamaForCausalLM"}},
                         {"transformers_version", "5.24.0"},
                         {"transformers.js_config", {{"dtype", "q4"}}},
                         {"unsloth_fixed", true},
                         {"torch_dtype", "bfloat16"},
                         {"dtype", "float32"},
                         {"use_cache", true},
                         {"_name_or_path", "a/b"},
                         {"_attn_implementation_autoset", true},
                         {"initializer_range", 0.02},
                         {"attention_dropout", 0.1},
                         {"hidden_dropout_prob", 0.1},
                         {"pretraining_tp", 1},
                         {"decoder_start_token_id", 3},
                         {"output_hidden_states", false},
                         {"temperature", 0.7},
                         {"max_length", 4096},
                         {"id2label", {{"0", "a"}}},
                         {"auto_map", json::object()},
                         {"is_llama_config", true},
                         {"tokenizer_class", "LlamaTokenizer"}};
  for (const auto& [key, value] : harmless.items()) EXPECT_EQ(error_of({{key, value}}), "no error");
}

TEST(RopeKeys, OnlyThoseOfTheThreeKindsAreKnown) {
  const auto error = [](const json& rope) -> std::string {
    try {
      check_rope_keys(rope, "config.json: rope_scaling");
    } catch (const InputError& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(error({{"rope_type", "linear"}, {"factor", 2}, {"rope_theta", 1e4}}), "no error");
  EXPECT_EQ(error({{"attention_factor", 1.0}, {"beta_fast", nullptr}}), "no error");
  EXPECT_EQ(error({{"attention_factor", 0.5}}),
            "config.json: rope_scaling: key attention_factor: 0.5, expected 1");
  for (const char* key : {"beta_fast", "mscale", "mrope_section", "full_attention"}) {
    EXPECT_EQ(error({{key, 2}}), "config.json: rope_scaling: key " + std::string(key) + kUnknown);
  }
}

}  // namespace
}  // namespace charter::model
