#include "model/gguf_model.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "model/config_keys.hpp"
#include "model/input_error.hpp"
#include "model/tensor_table.hpp"

namespace charter::model {
namespace {

[[noreturn]] void fail(const GgufFile& gguf, const std::string& what) {
  throw InputError(gguf.path() + ": " + what);
}

std::string arch_of(const GgufFile& gguf) { return gguf.get<std::string>("general.architecture"); }

const GgufTensor* find_tensor(const GgufFile& gguf, const std::string& name) {
  for (const auto& t : gguf.tensors()) {
    if (t.name == name) return &t;
  }
  return nullptr;
}

ModelFamily family_of(const GgufFile& gguf) {
  const std::string arch = arch_of(gguf);
  if (arch == "llama") return ModelFamily::kLlama;
  if (arch == "qwen2") return ModelFamily::kQwen2;
  if (arch == "qwen3") return ModelFamily::kQwen3;
  fail(gguf, "key general.architecture: \"" + arch + "\", expected llama, qwen2 or qwen3");
}

// llama.cpp stores Llama 3's scaling as the divisors themselves. They determine the factor; the
// other parameters are the ones every published Llama 3 has, which is checked.
RopeScaling scaling_from_divisors(const GgufFile& gguf, const GgufTensor& t, const ModelConfig& c) {
  if (t.shape != std::vector<int64_t>{c.head_dim / 2}) {
    fail(gguf, "tensor " + t.name + ": expected " + std::to_string(c.head_dim / 2) +
                   " values, one for each pair of a head");
  }
  const at::Tensor stored = gguf.read(t);
  RopeScaling s{.kind = RopeScalingKind::kLlama3};
  s.factor = stored.max().item<double>();
  const auto expected = llama3_frequency_divisors(c.head_dim, c.rope_theta, s);
  if (!at::allclose(stored, at::tensor(expected), 1e-3)) {
    fail(gguf, "tensor " + t.name +
                   ": expected Llama 3's frequency divisors (low 1, high 4, 8192 tokens)");
  }
  return s;
}

RopeScaling read_rope_scaling(const GgufFile& gguf, const ModelConfig& c) {
  const std::string arch = arch_of(gguf);
  // As llama.cpp reads it: linear where no type is named, and an older key for the factor.
  RopeScaling s;
  const auto* type = gguf.find<std::string>(arch + ".rope.scaling.type");
  if (type && *type != "linear" && *type != "none") {
    fail(gguf, "key " + arch + ".rope.scaling.type: \"" + *type + "\", expected none or linear");
  }
  if (!type || *type == "linear") {
    s.factor =
        gguf.number(arch + ".rope.scaling.factor", gguf.number(arch + ".rope.scale_linear", 1.0));
  }
  const auto* divisors = find_tensor(gguf, "rope_freqs.weight");
  if (divisors && s.factor != 1.0) {
    fail(gguf, "tensor rope_freqs.weight: expected no linear scaling beside it, got a factor of " +
                   std::to_string(s.factor));
  }
  if (divisors) return scaling_from_divisors(gguf, *divisors, c);
  if (s.factor != 1.0) s.kind = RopeScalingKind::kLinear;
  return s;
}

std::optional<int64_t> optional_id(const GgufFile& gguf, const char* key) {
  const auto* id = gguf.find<int64_t>(key);
  return id ? std::optional(*id) : std::nullopt;
}

// llama.cpp reorders the rows of q and k so that RoPE pairs neighbours; Hugging Face pairs row i
// with i + head_dim/2 (convert_hf_to_gguf.py, LlamaModel.permute). This is the inverse.
at::Tensor unpermute(const at::Tensor& weight, int64_t heads) {
  return weight.reshape({heads, -1, 2, weight.numel() / weight.size(0)})
      .transpose(1, 2)
      .reshape(weight.sizes())
      .contiguous();
}

std::string commonest_type(const GgufFile& gguf) {
  std::map<GgufType, size_t> counts;
  for (const auto& t : gguf.tensors()) {
    if (t.shape.size() == 2) ++counts[t.type];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == counts.end()) return "F32";
  return std::string(gguf_type_info(static_cast<uint32_t>(most->first))->name);
}

}  // namespace

ModelConfig config_from_gguf(const GgufFile& gguf) {
  ModelConfig c;
  c.family = family_of(gguf);
  check_gguf_keys(gguf, arch_of(gguf));
  const std::string arch = arch_of(gguf) + ".";
  const auto* embedding = find_tensor(gguf, "token_embd.weight");
  if (!embedding) fail(gguf, "tensor token_embd.weight: expected, but absent");
  c.vocab_size = embedding->shape.front();
  c.hidden_size = gguf.get<int64_t>(arch + "embedding_length");
  c.intermediate_size = gguf.get<int64_t>(arch + "feed_forward_length");
  c.num_layers = gguf.get<int64_t>(arch + "block_count");
  c.num_heads = gguf.get<int64_t>(arch + "attention.head_count");
  const auto* kv_heads = gguf.find<int64_t>(arch + "attention.head_count_kv");
  c.num_kv_heads = kv_heads ? *kv_heads : c.num_heads;
  const auto* head_dim = gguf.find<int64_t>(arch + "attention.key_length");
  c.head_dim = head_dim ? *head_dim : c.num_heads > 0 ? c.hidden_size / c.num_heads : 0;
  for (const char* tail : {"rope.dimension_count", "attention.value_length"}) {
    const auto* size = gguf.find<int64_t>(arch + tail);
    if (size && *size != c.head_dim) {
      fail(gguf, "key " + arch + tail + ": " + std::to_string(*size) + ", expected the head's " +
                     std::to_string(c.head_dim));
    }
  }
  // Stored as float32: rounding to seven digits gives back the decimal that was written (1e-5).
  const double eps = gguf.number(arch + "attention.layer_norm_rms_epsilon");
  c.rms_norm_eps = std::stod(std::to_string(std::llround(eps * 1e12)) + "e-12");
  c.rope_theta = gguf.number(arch + "rope.freq_base", 10000.0);
  c.max_position = gguf.get<int64_t>(arch + "context_length");
  if (const auto* window = gguf.find<int64_t>(arch + "attention.sliding_window");
      window && *window) {
    c.sliding_window = *window;
    // The same computation by another name: transformers' llama has no window.
    if (c.family == ModelFamily::kLlama) c.family = ModelFamily::kMistral;
  }
  c.tie_embeddings = find_tensor(gguf, "output.weight") == nullptr;
  c.qkv_bias = c.family == ModelFamily::kQwen2;
  c.qk_norm = c.family == ModelFamily::kQwen3;
  c.bos_id = optional_id(gguf, "tokenizer.ggml.bos_token_id");
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    const auto id = optional_id(gguf, key);
    const bool known = std::find(c.eos_ids.begin(), c.eos_ids.end(), id) != c.eos_ids.end();
    if (id && !known) c.eos_ids.push_back(*id);
  }
  c.pad_id = optional_id(gguf, "tokenizer.ggml.padding_token_id");
  try {
    validate(c);
    c.rope_scaling = read_rope_scaling(gguf, c);
    validate(c);
  } catch (const std::invalid_argument& e) {
    fail(gguf, e.what());
  }
  return c;
}

std::string hf_tensor_name(const std::string& name) {
  static const std::map<std::string, std::string> kTop = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"}};
  static const std::map<std::string, std::string> kLayer = {
      {"attn_norm", "input_layernorm"},    {"ffn_norm", "post_attention_layernorm"},
      {"attn_q", "self_attn.q_proj"},      {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},      {"attn_output", "self_attn.o_proj"},
      {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  if (const auto it = kTop.find(name); it != kTop.end()) return it->second;
  if (!name.starts_with("blk.")) return "";
  const auto layer_end = name.find('.', 4);
  const auto kind_end = name.rfind('.');
  if (layer_end == std::string::npos || kind_end <= layer_end) return "";
  const auto it = kLayer.find(name.substr(layer_end + 1, kind_end - layer_end - 1));
  if (it == kLayer.end()) return "";
  return "model.layers." + name.substr(4, layer_end - 4) + "." + it->second + name.substr(kind_end);
}

std::string chat_template_from_gguf(const GgufFile& gguf) {
  const auto* found = gguf.find<std::string>("tokenizer.chat_template");
  return found ? *found : "";
}

ModelFiles model_from_gguf(const GgufFile& gguf) {
  ModelFiles files;
  files.config = config_from_gguf(gguf);
  std::map<std::string, const GgufTensor*> stored;
  TensorShapes shapes;
  for (const auto& t : gguf.tensors()) {
    if (t.name == "rope_freqs.weight") continue;
    const std::string name = hf_tensor_name(t.name);
    if (name.empty()) fail(gguf, "tensor " + t.name + ": not a tensor of this architecture");
    stored[name] = &t;
    shapes[name] = t.shape;
  }
  check_shapes(files.config, shapes, gguf.path());
  files.tokenizer = tokenizer_from_gguf(gguf);
  files.chat_template = chat_template_from_gguf(gguf);
  files.source = gguf.path();
  files.quantization = commonest_type(gguf);
  const bool permuted = arch_of(gguf) == "llama";
  for (const auto& [name, t] : stored) {
    at::Tensor weight = gguf.read(*t);
    if (permuted && name.ends_with("self_attn.q_proj.weight")) {
      weight = unpermute(weight, files.config.num_heads);
    } else if (permuted && name.ends_with("self_attn.k_proj.weight")) {
      weight = unpermute(weight, files.config.num_kv_heads);
    }
    files.tensors[name] = std::move(weight);
  }
  return files;
}

}  // namespace charter::model
