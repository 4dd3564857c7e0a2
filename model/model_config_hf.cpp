// Reads config.json of transformers.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/config_keys.hpp"
#include "model/input_error.hpp"
#include "model/model_config.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

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
  // A token id, or several. transformers takes a negative one as none.
  std::vector<int64_t> ids(const char* key) const {
    const json* value = find(key);
    if (!value) return {};
    const json list = value->is_array() && !value->empty() ? *value : json::array({*value});
    std::vector<int64_t> out;
    for (const json& id : list) {
      if (!id.is_number_integer()) fail(key, id.dump() + ", expected a token id");
      const auto number = id.get<int64_t>();
      const bool known = std::find(out.begin(), out.end(), number) != out.end();
      if (number >= 0 && !known) out.push_back(number);
    }
    return out;
  }
  std::optional<int64_t> id(const char* key) const {
    const json* value = find(key);
    if (value && !value->is_number_integer()) fail(key, value->dump() + ", expected a token id");
    const auto found = ids(key);
    return found.empty() ? std::nullopt : std::optional(found.front());
  }

 private:
  const json& object_;
  std::string source_;
};

// What transformers takes where a config does not mention the key.
int64_t default_max_position(ModelFamily family) {
  switch (family) {
    case ModelFamily::kLlama:
      return 2048;
    case ModelFamily::kMistral:
      return 4096 * 32;
    case ModelFamily::kQwen2:
    case ModelFamily::kQwen3:
      return 32768;
  }
  throw std::invalid_argument("family: unknown value");
}
int64_t default_kv_heads(ModelFamily family, int64_t heads) {
  switch (family) {
    case ModelFamily::kLlama:
      return heads;
    case ModelFamily::kMistral:
      return 8;
    case ModelFamily::kQwen2:
    case ModelFamily::kQwen3:
      return 32;
  }
  throw std::invalid_argument("family: unknown value");
}
constexpr int64_t kDefaultWindow = 4096;
constexpr int64_t kDefaultMaxWindowLayers = 28;

RopeScaling read_rope_scaling(const Reader& rope, const Reader& in, const ModelConfig& c) {
  const char* key = rope.find("rope_type") ? "rope_type" : "type";
  const json* type = rope.find(key);
  RopeScaling out;
  if (!type || *type == "default") return out;
  if (*type == "linear") {
    out.kind = RopeScalingKind::kLinear;
    out.factor = rope.number("factor");
  } else if (*type == "llama3") {
    out.kind = RopeScalingKind::kLlama3;
    out.factor = rope.number("factor");
    out.low_freq_factor = rope.number("low_freq_factor");
    out.high_freq_factor = rope.number("high_freq_factor");
    // A length beside the object counts before the one in it.
    constexpr const char* kLength = "original_max_position_embeddings";
    out.original_max_position =
        in.find(kLength) ? in.integer(kLength) : rope.integer(kLength, c.max_position);
  } else {
    rope.fail("rope_type", type->dump() + ", expected default, linear or llama3");
  }
  return out;
}

// As transformers 5 does: rope_scaling, where it says anything, replaces rope_parameters whole, and
// a rope_theta within it counts before the one beside it.
void read_rope(const Reader& in, const std::string& source, ModelConfig& c) {
  c.rope_theta = in.number("rope_theta", 10000.0);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const json* object = in.find(key);
    if (!object || (object->is_object() && object->empty())) continue;
    const std::string where = source + ": " + key;
    const Reader rope(*object, where);
    check_rope_keys(*object, where);
    c.rope_theta = rope.number("rope_theta", c.rope_theta);
    c.rope_scaling = read_rope_scaling(rope, in, c);
    return;
  }
}

// Which layers of Qwen have the window: those that layer_types names, or those from
// max_window_layers on.
std::vector<bool> read_windowed_layers(const Reader& in, const ModelConfig& c) {
  std::vector<bool> out(static_cast<size_t>(c.num_layers), false);
  const json* types = in.find("layer_types");
  if (types && (!types->is_array() || types->size() != out.size())) {
    in.fail("layer_types", "expected a list of " + std::to_string(out.size()) + " names");
  }
  const int64_t first = in.integer("max_window_layers", kDefaultMaxWindowLayers);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = types ? (*types)[i] == "sliding_attention" : static_cast<int64_t>(i) >= first;
    if (types && !out[i] && (*types)[i] != "full_attention") {
      in.fail("layer_types", (*types)[i].dump() + ", expected full_attention or sliding_attention");
    }
  }
  return out;
}

void read_window(const Reader& in, ModelConfig& c) {
  const bool of_layers = c.family == ModelFamily::kQwen2 || c.family == ModelFamily::kQwen3;
  if (c.family != ModelFamily::kMistral && !of_layers) return;
  std::optional<int64_t> window;
  if (in.find("sliding_window") || !in.mentions("sliding_window")) {
    window = in.integer("sliding_window", kDefaultWindow);
  }
  if (of_layers && !in.boolean("use_sliding_window", false)) window.reset();
  const auto layers = of_layers ? read_windowed_layers(in, c) : std::vector<bool>();
  const auto windowed = std::count(layers.begin(), layers.end(), true);
  if (of_layers && !window && windowed > 0 && in.find("layer_types")) {
    in.fail("layer_types", "names sliding_attention, expected a sliding_window that is used");
  }
  if (!window || (of_layers && windowed == 0)) return;
  c.sliding_window = window;
  if (windowed < std::ssize(layers)) c.windowed_layers = layers;
}

ModelFamily read_family(const Reader& in) {
  const json* type = in.find("model_type");
  if (!type || !type->is_string()) in.fail("model_type", "expected a string");
  for (const ModelFamily family :
       {ModelFamily::kLlama, ModelFamily::kMistral, ModelFamily::kQwen2, ModelFamily::kQwen3}) {
    if (*type == family_name(family)) return family;
  }
  in.fail("model_type", type->dump() + ", expected llama, mistral, qwen2 or qwen3");
}

}  // namespace

ModelConfig config_from_hf(const json& hf, const std::string& source) {
  const Reader in(hf, source);
  ModelConfig c;
  c.family = read_family(in);
  check_hf_keys(hf, c.family, source);
  c.vocab_size = in.integer("vocab_size");
  c.hidden_size = in.integer("hidden_size");
  c.intermediate_size = in.integer("intermediate_size");
  c.num_layers = in.integer("num_hidden_layers");
  c.num_heads = in.integer("num_attention_heads");
  c.num_kv_heads = in.integer("num_key_value_heads", in.mentions("num_key_value_heads")
                                                         ? c.num_heads
                                                         : default_kv_heads(c.family, c.num_heads));
  const int64_t even_split = c.num_heads > 0 ? c.hidden_size / c.num_heads : 0;
  c.head_dim = in.integer("head_dim", c.family == ModelFamily::kQwen3 ? 128 : even_split);
  c.rms_norm_eps = in.number("rms_norm_eps", 1e-6);
  c.max_position = in.integer("max_position_embeddings", default_max_position(c.family));
  c.tie_embeddings = in.boolean("tie_word_embeddings", false);
  c.qkv_bias = c.family == ModelFamily::kQwen2;
  c.qk_norm = c.family == ModelFamily::kQwen3;
  c.bos_id = in.id("bos_token_id");
  c.eos_ids = in.ids("eos_token_id");
  c.pad_id = in.id("pad_token_id");
  read_rope(in, source, c);
  try {
    validate(c);
    read_window(in, c);
    validate(c);
  } catch (const std::invalid_argument& e) {
    throw InputError(source + ": " + e.what());
  }
  return c;
}

void add_generation_ends(ModelConfig& c, const json& generation, const std::string& source) {
  if (generation.is_null()) return;
  for (const int64_t id : Reader(generation, source).ids("eos_token_id")) {
    if (id >= c.vocab_size) {
      throw InputError(source + ": key eos_token_id: " + std::to_string(id) +
                       ", expected a token id below vocab_size " + std::to_string(c.vocab_size));
    }
    if (std::find(c.eos_ids.begin(), c.eos_ids.end(), id) == c.eos_ids.end()) {
      c.eos_ids.push_back(id);
    }
  }
}

}  // namespace charter::model
