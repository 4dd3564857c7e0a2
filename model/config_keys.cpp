#include "model/config_keys.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string_view>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

using nlohmann::json;
using Names = std::set<std::string_view>;

// Read by config_from_hf whatever the family.
const Names kRead = {"model_type",
                     "vocab_size",
                     "hidden_size",
                     "intermediate_size",
                     "num_hidden_layers",
                     "num_attention_heads",
                     "num_key_value_heads",
                     "head_dim",
                     "rms_norm_eps",
                     "rope_theta",
                     "rope_scaling",
                     "rope_parameters",
                     "max_position_embeddings",
                     "original_max_position_embeddings",
                     "tie_word_embeddings",
                     "bos_token_id",
                     "eos_token_id",
                     "pad_token_id"};

// Read for these families alone; transformers' others know no window.
const Names kWindow = {"sliding_window"};
const Names kWindowOfLayers = {"sliding_window", "use_sliding_window", "max_window_layers",
                               "layer_types"};

const Names& read_for(ModelFamily family) {
  static const Names kNone;
  switch (family) {
    case ModelFamily::kLlama:
      return kNone;
    case ModelFamily::kMistral:
      return kWindow;
    case ModelFamily::kQwen2:
    case ModelFamily::kQwen3:
      return kWindowOfLayers;
  }
  return kNone;
}

// Would change numbers: these values alone say that they do not.
struct Neutral {
  const char* key;
  std::vector<json> values;
};
const std::vector<Neutral>& neutral() {
  static const std::vector<Neutral> kRows = {
      {"hidden_act", {"silu", "swish"}},  // two names of one function
      {"attention_bias", {false}},
      {"mlp_bias", {false}},
      {"use_bias", {false}},
      {"qkv_bias", {false}},
      {"is_causal", {true}},
      {"partial_rotary_factor", {1}},
      {"rope_interleaved", {false}},
      {"rope_interleave", {false}},
      {"use_mrope", {false}},
      {"use_qk_norm", {false}},
      {"qk_layernorm", {false}},
      {"use_sliding_window", {false}},
      {"logit_scale", {1}},
      {"logits_scaling", {1}},
      {"embedding_multiplier", {1}},
      {"residual_multiplier", {1}},
      {"add_cross_attention", {false}},
      {"is_encoder_decoder", {false}},
      {"tie_encoder_decoder", {false}},
      {"pruned_heads", {json::object()}},
      {"quantization_config", {json::object()}},
  };
  return kRows;
}

// Change no logits: about files, classes, tasks, training, or how to sample.
const Names kWithoutEffect = {
    "architectures", "auto_map", "torch_dtype", "dtype", "use_cache", "name_or_path", "model_name",
    "is_decoder", "is_llama_config", "initializer_range", "pretraining_tp",
    "gradient_checkpointing", "use_return_dict", "return_dict", "return_dict_in_generate",
    "torchscript", "use_bfloat16", "tf_legacy_loss", "chunk_size_feed_forward", "id2label",
    "label2id", "num_labels", "problem_type", "task_specific_params", "finetuning_task", "prefix",
    "tokenizer_class", "attn_implementation", "experts_implementation", "model_max_length",
    "max_sequence_length", "seq_length", "neftune_noise_alpha", "router_aux_loss_coef", "pad_token",
    "eos_token", "bos_token", "unk_token", "vocab_file", "tokenizer_file", "license", "language",
    "tags", "datasets", "base_model",
    // How to sample, where older files keep it.
    "temperature", "top_k", "top_p", "min_p", "typical_p", "do_sample", "num_beams",
    "num_beam_groups", "num_return_sequences", "diversity_penalty", "repetition_penalty",
    "encoder_no_repeat_ngram_size", "no_repeat_ngram_size", "length_penalty", "max_length",
    "max_new_tokens", "min_length", "min_new_tokens", "early_stopping", "bad_words_ids",
    "suppress_tokens", "begin_suppress_tokens", "exponential_decay_length_penalty",
    "remove_invalid_values", "forced_bos_token_id", "forced_eos_token_id", "max_time",
    "epsilon_cutoff", "eta_cutoff", "penalty_alpha", "renormalize_logits"};

bool is_without_effect(const std::string& key) {
  constexpr std::string_view kBeginnings[] = {"_", "output_", "transformers", "unsloth"};
  constexpr std::string_view kEnds[] = {"_version", "_token_id", "dropout", "dropout_prob"};
  const auto begins = [&](std::string_view part) { return key.starts_with(part); };
  const auto ends = [&](std::string_view part) { return key.ends_with(part); };
  return kWithoutEffect.contains(key) ||
         std::any_of(std::begin(kBeginnings), std::end(kBeginnings), begins) ||
         std::any_of(std::begin(kEnds), std::end(kEnds), ends);
}

[[noreturn]] void fail(const std::string& source, const std::string& key, const std::string& what) {
  throw InputError(source + ": key " + key.substr(0, 100) + ": " + what);
}

std::string shown(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + " ..." : text;
}

void check_neutral(const Neutral& row, const json& value, const std::string& source) {
  if (std::find(row.values.begin(), row.values.end(), value) != row.values.end()) return;
  fail(source, row.key, shown(value) + ", expected " + row.values.front().dump());
}

// A window of a family without one: llama made of Qwen keeps the keys, switched off.
bool is_switched_off_window(const json& hf, const std::string& key) {
  return (key == "sliding_window" || key == "max_window_layers") &&
         hf.value("use_sliding_window", json()) == false;
}

constexpr const char* kUnknown =
    "is not computed with, expected a key we know (docs/models.md); if it changes no number, "
    "remove it";

// The tail of an architecture's key, and what it may say.
const Names kGgufRead = {
    "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
    "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.layer_norm_rms_epsilon", "attention.sliding_window",
    "rope.dimension_count", "rope.freq_base", "rope.scaling.type", "rope.scaling.factor",
    "rope.scale_linear",
    // Of YaRN alone, which is refused by its type, or of no effect.
    "rope.scaling.original_context_length", "rope.scaling.finetuned", "tensor_data_layout"};
struct NeutralNumber {
  std::string_view key;
  double value;
};
constexpr NeutralNumber kGgufNeutral[] = {
    {"attention.causal", 1},  {"rope.scaling.attn_factor", 1}, {"expert_count", 0},
    {"expert_used_count", 0}, {"nextn_predict_layers", 0},     {"pooling_type", 0},
    {"logit_scale", 1},       {"residual_scale", 1},           {"embedding_scale", 1}};

const Names kTokenizerRead = {
    "model",  "pre",           "tokens",           "token_type",       "scores",
    "merges", "add_bos_token", "add_space_prefix", "token_type_count", "added_tokens"};
constexpr NeutralNumber kTokenizerNeutral[] = {
    {"add_eos_token", 0}, {"add_sep_token", 0}, {"remove_extra_whitespaces", 0}};

void check_number(const GgufFile& gguf, const std::string& key, double expected) {
  const double value = gguf.number(key);
  if (value == expected) return;
  std::ostringstream text;
  text << value << ", expected " << expected;
  fail(gguf.path(), key, text.str());
}

template <size_t kCount>
void check_gguf_key(const GgufFile& gguf, const std::string& key, std::string_view tail,
                    const Names& read, const NeutralNumber (&neutral_numbers)[kCount]) {
  if (read.contains(tail)) return;
  for (const NeutralNumber& row : neutral_numbers) {
    if (row.key == tail) return check_number(gguf, key, row.value);
  }
  fail(gguf.path(), key, kUnknown);
}

}  // namespace

void check_hf_keys(const json& hf, ModelFamily family, const std::string& source) {
  for (const auto& [key, value] : hf.items()) {
    if (value.is_null() || kRead.contains(key) || read_for(family).contains(key)) continue;
    const auto row = std::find_if(neutral().begin(), neutral().end(),
                                  [&](const Neutral& n) { return n.key == key; });
    if (row != neutral().end()) {
      check_neutral(*row, value, source);
    } else if (!is_without_effect(key) && !is_switched_off_window(hf, key)) {
      fail(source, key, kUnknown);
    }
  }
}

void check_rope_keys(const json& rope, const std::string& source) {
  static const Names kRopeRead = {"rope_type",
                                  "type",
                                  "rope_theta",
                                  "factor",
                                  "low_freq_factor",
                                  "high_freq_factor",
                                  "original_max_position_embeddings"};
  for (const auto& [key, value] : rope.items()) {
    if (value.is_null() || kRopeRead.contains(key)) continue;
    if (key != "partial_rotary_factor" && key != "attention_factor") fail(source, key, kUnknown);
    check_neutral({key.c_str(), {1}}, value, source);
  }
}

void check_gguf_vocabulary_keys(const GgufFile& gguf) {
  constexpr std::string_view kOwn = "tokenizer.ggml.";
  for (const auto& [key, value] : gguf.metadata()) {
    if (!key.starts_with(kOwn) || key.ends_with("_token_id")) continue;
    check_gguf_key(gguf, key, std::string_view(key).substr(kOwn.size()), kTokenizerRead,
                   kTokenizerNeutral);
  }
}

void check_gguf_keys(const GgufFile& gguf, const std::string& architecture) {
  check_gguf_vocabulary_keys(gguf);
  const std::string own = architecture + ".";
  for (const auto& [key, value] : gguf.metadata()) {
    if (!key.starts_with(own)) continue;
    check_gguf_key(gguf, key, std::string_view(key).substr(own.size()), kGgufRead, kGgufNeutral);
  }
  const auto* type = gguf.find<std::string>("general.type");
  if (type && *type != "model") {
    fail(gguf.path(), "general.type", "\"" + *type + "\", expected a whole \"model\"");
  }
  if (const auto* parts = gguf.find<int64_t>("split.count"); parts && *parts > 1) {
    fail(gguf.path(), "split.count",
         std::to_string(*parts) + " files, expected one (llama-gguf-split --merge joins them)");
  }
}

}  // namespace charter::model
