#include "model/tensor_table.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

using Shape = std::vector<int64_t>;
using Visit = std::function<void(const std::string& name, const Shape& expected)>;

void visit_layer(const ModelConfig& c, const std::string& layer, const Visit& visit) {
  const int64_t q = c.num_heads * c.head_dim;
  const int64_t kv = c.num_kv_heads * c.head_dim;
  visit(layer + "input_layernorm.weight", {c.hidden_size});
  visit(layer + "post_attention_layernorm.weight", {c.hidden_size});
  visit(layer + "self_attn.q_proj.weight", {q, c.hidden_size});
  visit(layer + "self_attn.k_proj.weight", {kv, c.hidden_size});
  visit(layer + "self_attn.v_proj.weight", {kv, c.hidden_size});
  visit(layer + "self_attn.o_proj.weight", {c.hidden_size, q});
  visit(layer + "mlp.gate_proj.weight", {c.intermediate_size, c.hidden_size});
  visit(layer + "mlp.up_proj.weight", {c.intermediate_size, c.hidden_size});
  visit(layer + "mlp.down_proj.weight", {c.hidden_size, c.intermediate_size});
  if (c.qkv_bias) {
    visit(layer + "self_attn.q_proj.bias", {q});
    visit(layer + "self_attn.k_proj.bias", {kv});
    visit(layer + "self_attn.v_proj.bias", {kv});
  }
  if (c.qk_norm) {
    visit(layer + "self_attn.q_norm.weight", {c.head_dim});
    visit(layer + "self_attn.k_norm.weight", {c.head_dim});
  }
}

// One at a time, not a list: the number of layers is only what the file says.
void visit_expected(const ModelConfig& c, const Visit& visit) {
  visit("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  visit("model.norm.weight", {c.hidden_size});
  if (!c.tie_embeddings) visit("lm_head.weight", {c.vocab_size, c.hidden_size});
  for (int64_t i = 0; i < c.num_layers; ++i) {
    visit_layer(c, "model.layers." + std::to_string(i) + ".", visit);
  }
}

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

}  // namespace

void check_shapes(const ModelConfig& config, const TensorShapes& shapes,
                  const std::string& source) {
  size_t found = 0;
  visit_expected(config, [&](const std::string& name, const Shape& expected) {
    const auto it = shapes.find(name);
    if (it == shapes.end()) {
      throw InputError(source + ": tensor " + name + ": expected " + text_of(expected) +
                       ", but absent");
    }
    if (it->second != expected) {
      throw InputError(source + ": tensor " + name + ": shape " + text_of(it->second) +
                       ", expected " + text_of(expected));
    }
    ++found;
  });
  if (found == shapes.size()) return;
  TensorShapes others = shapes;
  visit_expected(config, [&](const std::string& name, const Shape&) { others.erase(name); });
  throw InputError(source + ": tensor " + others.begin()->first.substr(0, 100) +
                   ": not a tensor of this model");
}

void check_places(const std::string& path, std::vector<TensorPlace> places) {
  std::sort(places.begin(), places.end(), [](const TensorPlace& a, const TensorPlace& b) {
    return std::tie(a.offset, a.name) < std::tie(b.offset, b.name);
  });
  for (size_t i = 1; i < places.size(); ++i) {
    const TensorPlace &before = places[i - 1], &after = places[i];
    if (after.offset - before.offset >= before.bytes) continue;
    throw InputError(path + ": tensor " + std::string(after.name.substr(0, 100)) + ": offset " +
                     std::to_string(after.offset) + ", expected outside the " +
                     std::to_string(before.bytes) + " bytes of tensor " +
                     std::string(before.name.substr(0, 100)) + " at offset " +
                     std::to_string(before.offset));
  }
}

}  // namespace charter::model
