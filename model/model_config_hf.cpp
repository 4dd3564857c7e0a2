// config.json of transformers, in and out.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/input_error.hpp"
#include "model/model_config.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

struct FamilyRow {
  ModelFamily family;
  const char* name;          // model_type
  const char* architecture;  // the class transformers builds
};
constexpr FamilyRow kFamilies[] = {
    {ModelFamily::kLlama, "llama", "LlamaForCausalLM"},
    {ModelFamily::kMistral, "mistral", "MistralForCausalLM"},
    {ModelFamily::kQwen2, "qwen2", "Qwen2ForCausalLM"},
    {ModelFamily::kQwen3, "qwen3", "Qwen3ForCausalLM"},
};

const FamilyRow& row_of(ModelFamily family) {
  for (const auto& row : kFamilies) {
    if (row.family == family) return row;
  }
  throw std::invalid_argument("family: unknown value");
}

// Reads keys of one JSON object; a message names the file and the key.
class Reader {
 public:
  Reader(const json& object, std::string source) : object_(object), source_(std::move(source)) {
    if (!object.is_object()) throw InputError(source_ + ": expected a JSON object");
  }

  [[noreturn]] void fail(const char* key, const std::string& what) const {
    throw InputError(source_ + ": key " + key + ": " + what);
  }
  const json* find(const char* key) const {
    const auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }
  bool mentions(const char* key) const { return object_.contains(key); }  // null too
  int64_t integer(const char* key, std::optional<int64_t> fallback = {}) const {
    const json* value = find(key);
    if (!value && fallback) return *fallback;
    if (!value) fail(key, "expected an integer, but absent");
    if (!value->is_number_integer()) fail(key, value->dump() + ", expected an integer");
    return value->get<int64_t>();
  }
  double number(const char* key, std::optional<double> fallback = {}) const {
    const json* value = find(key);
    if (!value && fallback) return *fallback;
    if (!value) fail(key, "expected a number, but absent");
    if (!value->is_number()) fail(key, value->dump() + ", expected a number");
    return value->get<double>();
  }
  bool boolean(const char* key, bool fallback) const {
    const json* value = find(key);
    if (!value) return fallback;
    if (!value->is_boolean()) fail(key, value->dump() + ", expected true or false");
    return value->get<bool>();
  }
  // A token id; of a list the first (Llama 3 lists several end ids).
  std::optional<int64_t> id(const char* key) const {
    const json* value = find(key);
    if (value && value->is_array() && !value->empty()) value = &value->front();
    if (!value) return std::nullopt;
    if (!value->is_number_integer()) fail(key, value->dump() + ", expected a token id");
    return value->get<int64_t>();
  }

 private:
  const json& object_;
  std::string source_;
};

void refuse_partial_rotary(const Reader& in) {
  constexpr const char* kKey = "partial_rotary_factor";
  if (in.number(kKey, 1.0) != 1.0) in.fail(kKey, in.find(kKey)->dump() + ", expected 1");
}

RopeScaling read_rope_scaling(const json& object, const std::string& source) {
  const Reader in(object, source + ": rope_scaling");
  const json* type = in.find("rope_type") ? in.find("rope_type") : in.find("type");
  refuse_partial_rotary(in);
  RopeScaling out;
  if (!type || *type == "default") return out;
  if (*type == "linear") {
    out.kind = RopeScalingKind::kLinear;
    out.factor = in.number("factor");
  } else if (*type == "llama3") {
    out.kind = RopeScalingKind::kLlama3;
    out.factor = in.number("factor");
    out.low_freq_factor = in.number("low_freq_factor");
    out.high_freq_factor = in.number("high_freq_factor");
    out.original_max_position = in.integer("original_max_position_embeddings");
  } else {
    in.fail("rope_type", type->dump() + ", expected default, linear or llama3");
  }
  return out;
}

void refuse_unsupported(const Reader& in) {
  if (const json* act = in.find("hidden_act"); act && *act != "silu") {
    in.fail("hidden_act", act->dump() + ", expected \"silu\"");
  }
  refuse_partial_rotary(in);
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (in.boolean(key, false)) in.fail(key, "true, expected false");
  }
}

// Where a config does not mention the window, transformers' default holds; null is none.
constexpr int64_t kDefaultWindow = 4096;

void read_positions(const Reader& in, ModelConfig& c) {
  c.max_position = in.integer("max_position_embeddings");
  const bool windowed =
      c.family == ModelFamily::kMistral || in.boolean("use_sliding_window", false);
  if (windowed && (in.find("sliding_window") || !in.mentions("sliding_window"))) {
    c.max_position = std::min(c.max_position, in.integer("sliding_window", kDefaultWindow));
  }
}

}  // namespace

ModelConfig config_from_hf(const json& hf, const std::string& source) {
  const Reader in(hf, source);
  const json* type = in.find("model_type");
  if (!type || !type->is_string()) in.fail("model_type", "expected a string");
  ModelConfig c;
  bool known = false;
  for (const auto& row : kFamilies) {
    if (*type != row.name) continue;
    c.family = row.family;
    known = true;
  }
  if (!known) in.fail("model_type", type->dump() + ", expected llama, mistral, qwen2 or qwen3");
  refuse_unsupported(in);
  c.vocab_size = in.integer("vocab_size");
  c.hidden_size = in.integer("hidden_size");
  c.intermediate_size = in.integer("intermediate_size");
  c.num_layers = in.integer("num_hidden_layers");
  c.num_heads = in.integer("num_attention_heads");
  c.num_kv_heads = in.integer("num_key_value_heads", c.num_heads);
  const int64_t even_split = c.num_heads > 0 ? c.hidden_size / c.num_heads : 0;
  c.head_dim = in.integer("head_dim", c.family == ModelFamily::kQwen3 ? 128 : even_split);
  c.rms_norm_eps = in.number("rms_norm_eps", 1e-6);
  c.rope_theta = in.number("rope_theta", 10000.0);
  if (const json* scaling = in.find("rope_scaling")) {
    c.rope_scaling = read_rope_scaling(*scaling, source);
  }
  if (const json* rope = in.find("rope_parameters")) {  // where transformers 5 keeps both
    c.rope_scaling = read_rope_scaling(*rope, source);
    c.rope_theta = Reader(*rope, source + ": rope_parameters").number("rope_theta", c.rope_theta);
  }
  read_positions(in, c);
  c.tie_embeddings = in.boolean("tie_word_embeddings", false);
  c.qkv_bias = c.family == ModelFamily::kQwen2;
  c.qk_norm = c.family == ModelFamily::kQwen3;
  c.bos_id = in.id("bos_token_id");
  c.eos_id = in.id("eos_token_id");
  c.pad_id = in.id("pad_token_id");
  try {
    validate(c);
  } catch (const std::invalid_argument& e) {
    throw InputError(source + ": " + e.what());
  }
  return c;
}

json config_to_hf(const ModelConfig& c) {
  const auto id = [](const std::optional<int64_t>& value) { return value ? json(*value) : json(); };
  json scaling = nullptr;
  if (c.rope_scaling.kind == RopeScalingKind::kLinear) {
    scaling = {{"rope_type", "linear"}, {"factor", c.rope_scaling.factor}};
  } else if (c.rope_scaling.kind == RopeScalingKind::kLlama3) {
    scaling = {{"rope_type", "llama3"},
               {"factor", c.rope_scaling.factor},
               {"low_freq_factor", c.rope_scaling.low_freq_factor},
               {"high_freq_factor", c.rope_scaling.high_freq_factor},
               {"original_max_position_embeddings", c.rope_scaling.original_max_position}};
  }
  json out = {{"architectures", {row_of(c.family).architecture}},
              {"model_type", row_of(c.family).name},
              {"vocab_size", c.vocab_size},
              {"hidden_size", c.hidden_size},
              {"intermediate_size", c.intermediate_size},
              {"num_hidden_layers", c.num_layers},
              {"num_attention_heads", c.num_heads},
              {"num_key_value_heads", c.num_kv_heads},
              {"head_dim", c.head_dim},
              {"hidden_act", "silu"},
              {"rms_norm_eps", c.rms_norm_eps},
              {"rope_theta", c.rope_theta},
              {"rope_scaling", scaling},
              {"max_position_embeddings", c.max_position},
              {"tie_word_embeddings", c.tie_embeddings},
              {"attention_dropout", 0.0},
              {"initializer_range", 0.02},
              {"use_cache", true},
              {"bos_token_id", id(c.bos_id)},
              {"eos_token_id", id(c.eos_id)},
              {"pad_token_id", id(c.pad_id)},
              {"torch_dtype", "float32"}};
  if (c.family != ModelFamily::kMistral) out["attention_bias"] = false;
  if (c.family == ModelFamily::kMistral) out["sliding_window"] = nullptr;
  return out;
}

}  // namespace charter::model
