#include "model/transformer.hpp"

#include <ATen/ATen.h>

#include <sstream>
#include <stdexcept>

namespace charter::model {
namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::ostringstream out;
  out << shape;
  return out.str();
}

// Reads tensors by name with their expected shapes.
class Reader {
 public:
  explicit Reader(const ModelFiles& files) : files_(files) {}

  at::Tensor get(const std::string& name, at::IntArrayRef shape) const {
    const auto found = files_.tensors.find(name);
    if (found == files_.tensors.end()) {
      throw std::runtime_error(files_.source + ": tensor " + name + " is missing, expected shape " +
                               shape_text(shape));
    }
    if (found->second.sizes() != shape) {
      throw std::runtime_error(files_.source + ": tensor " + name + " has shape " +
                               shape_text(found->second.sizes()) + ", expected " +
                               shape_text(shape));
    }
    return found->second;
  }

  Linear linear(const std::string& module, int64_t out, int64_t in, bool bias = false) const {
    Linear result;
    result.weight = get(module + ".weight", {out, in});
    if (bias) result.bias = get(module + ".bias", {out});
    return result;
  }

 private:
  const ModelFiles& files_;
};

std::string layer_prefix(size_t index) { return "model.layers." + std::to_string(index) + "."; }

Layer read_layer(const Reader& reader, const ModelConfig& c, const std::string& prefix) {
  const int64_t q_rows = c.num_heads * c.head_dim, kv_rows = c.num_kv_heads * c.head_dim;
  const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
  Layer layer;
  layer.q = reader.linear(attention + "q_proj", q_rows, c.hidden_size, c.qkv_bias);
  layer.k = reader.linear(attention + "k_proj", kv_rows, c.hidden_size, c.qkv_bias);
  layer.v = reader.linear(attention + "v_proj", kv_rows, c.hidden_size, c.qkv_bias);
  layer.o = reader.linear(attention + "o_proj", c.hidden_size, q_rows);
  layer.gate = reader.linear(mlp + "gate_proj", c.intermediate_size, c.hidden_size);
  layer.up = reader.linear(mlp + "up_proj", c.intermediate_size, c.hidden_size);
  layer.down = reader.linear(mlp + "down_proj", c.hidden_size, c.intermediate_size);
  layer.input_norm = reader.get(prefix + "input_layernorm.weight", {c.hidden_size});
  layer.post_attention_norm =
      reader.get(prefix + "post_attention_layernorm.weight", {c.hidden_size});
  if (c.qk_norm) {
    layer.q_norm = reader.get(attention + "q_norm.weight", {c.head_dim});
    layer.k_norm = reader.get(attention + "k_norm.weight", {c.head_dim});
  }
  return layer;
}

template <typename LayerType, typename Visit>
void for_each_linear_of(LayerType& layer, const std::string& prefix, const Visit& visit) {
  visit(prefix + "self_attn.q_proj", layer.q);
  visit(prefix + "self_attn.k_proj", layer.k);
  visit(prefix + "self_attn.v_proj", layer.v);
  visit(prefix + "self_attn.o_proj", layer.o);
  visit(prefix + "mlp.gate_proj", layer.gate);
  visit(prefix + "mlp.up_proj", layer.up);
  visit(prefix + "mlp.down_proj", layer.down);
}

}  // namespace

Transformer make_transformer(const ModelFiles& files) {
  const ModelConfig& c = files.config;
  const Reader reader(files);
  Transformer result;
  result.config = c;
  result.embedding = reader.get("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  for (int64_t i = 0; i < c.num_layers; ++i) {
    result.layers.push_back(read_layer(reader, c, layer_prefix(static_cast<size_t>(i))));
  }
  result.final_norm = reader.get("model.norm.weight", {c.hidden_size});
  if (c.tie_embeddings) {
    result.head.weight = result.embedding;
  } else {
    result.head = reader.linear("lm_head", c.vocab_size, c.hidden_size);
  }
  return result;
}

std::vector<std::pair<std::string, at::Tensor>> merged_tensors(const Transformer& transformer) {
  std::vector<std::pair<std::string, at::Tensor>> result;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) result.emplace_back(name, tensor.detach());
  };
  const auto add_linear = [&](const std::string& module, const Linear& linear) {
    add(module + ".weight", merged_weight(linear));
    add(module + ".bias", linear.bias);
  };
  add("model.embed_tokens.weight", transformer.embedding);
  for (size_t i = 0; i < transformer.layers.size(); ++i) {
    const Layer& layer = transformer.layers[i];
    const std::string prefix = layer_prefix(i);
    for_each_linear_of(layer, prefix, add_linear);
    add(prefix + "input_layernorm.weight", layer.input_norm);
    add(prefix + "post_attention_layernorm.weight", layer.post_attention_norm);
    add(prefix + "self_attn.q_norm.weight", layer.q_norm);
    add(prefix + "self_attn.k_norm.weight", layer.k_norm);
  }
  add("model.norm.weight", transformer.final_norm);
  const bool tied = transformer.config.tie_embeddings;
  if (tied && transformer.head.has_adapter()) {
    throw std::invalid_argument(
        "lm_head: has an adapter but is tied to the embedding; expected an "
        "untied head, as merging would change the embedding");
  }
  if (!tied) add_linear("lm_head", transformer.head);
  return result;
}

void for_each_linear(Transformer& transformer,
                     const std::function<void(const std::string&, Linear&)>& visit) {
  for (size_t i = 0; i < transformer.layers.size(); ++i) {
    for_each_linear_of(transformer.layers[i], layer_prefix(i), visit);
  }
  visit("lm_head", transformer.head);
}

}  // namespace charter::model
