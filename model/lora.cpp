#include "model/lora.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <sstream>
#include <stdexcept>

namespace charter::model {
namespace {

using TensorVisitor = std::function<void(const std::string&, at::Tensor&)>;

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

// Every tensor that can be trained, by name, in model order. A tied head is the embedding: not
// visited.
void for_each_tensor(Transformer& transformer, const TensorVisitor& visit) {
  visit("model.embed_tokens.weight", transformer.embedding);
  for_each_linear(transformer, [&](const std::string& module, Linear& linear) {
    const bool tied = module == "lm_head" && transformer.config.tie_embeddings;
    if (!tied) visit(module + ".weight", linear.weight);
    visit(module + ".bias", linear.bias);
    visit(module + ".lora_a", linear.lora_a);
    visit(module + ".lora_b", linear.lora_b);
  });
  for (size_t i = 0; i < transformer.layers.size(); ++i) {
    Layer& layer = transformer.layers[i];
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    visit(prefix + "input_layernorm.weight", layer.input_norm);
    visit(prefix + "post_attention_layernorm.weight", layer.post_attention_norm);
    visit(prefix + "self_attn.q_norm.weight", layer.q_norm);
    visit(prefix + "self_attn.k_norm.weight", layer.k_norm);
  }
  visit("model.norm.weight", transformer.final_norm);
}

void retie(Transformer& transformer) {
  if (transformer.config.tie_embeddings) transformer.head.weight = transformer.embedding;
}

void check_targets(Transformer& transformer, const LoraOptions& options) {
  if (options.rank < 1) {
    throw std::invalid_argument("rank: " + std::to_string(options.rank) + ", expected >= 1");
  }
  for (const std::string& target : options.targets) {
    bool known = false;
    for_each_linear(transformer, [&](const std::string& module, Linear&) {
      known = known || last_part(module) == target;
    });
    if (!known) {
      throw std::invalid_argument("targets: '" + target +
                                  "', expected the last part of a linear's "
                                  "name, such as q_proj");
    }
    if (target == "lm_head" && transformer.config.tie_embeddings) {
      throw std::invalid_argument(
          "targets: 'lm_head' shares the embedding's tensor, expected an "
          "untied head");
    }
  }
}

void attach_one(Linear& linear, const LoraOptions& options, at::Generator& generator) {
  const int64_t inputs = linear.weight.size(1), outputs = linear.weight.size(0);
  const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
  linear.lora_a = at::empty({options.rank, inputs}, at::kFloat)
                      .uniform_(-bound, bound, generator)
                      .to(linear.weight.options())
                      .requires_grad_(true);
  linear.lora_b = at::zeros({outputs, options.rank}, linear.weight.options()).requires_grad_(true);
  linear.lora_scale = options.alpha / options.rank;
}

[[noreturn]] void shape_error(const std::string& name, const at::Tensor& got,
                              at::IntArrayRef expected) {
  std::ostringstream message;
  message << "tensor " << name << " has shape " << got.sizes() << ", expected " << expected;
  throw std::runtime_error(message.str());
}

at::Tensor copy_like(const at::Tensor& source, const at::Tensor& like) {
  return source.detach().to(like.options(), /*non_blocking=*/false, /*copy=*/true);
}

double parse_alpha(const Snapshot& snapshot) {
  const auto found = snapshot.metadata.find("lora_alpha");
  double alpha = 0.0;
  if (found != snapshot.metadata.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), alpha);
    if (error == std::errc() && end == text.data() + text.size()) return alpha;
  }
  throw std::runtime_error("snapshot of " + snapshot.model +
                           ": metadata lora_alpha is missing or no number, expected the adapters' "
                           "alpha");
}

// Puts adapters named in the snapshot on linears (with shapes checked); returns how many tensors it
// used.
size_t take_adapters(Transformer& transformer, const Snapshot& snapshot) {
  size_t used = 0;
  for_each_linear(transformer, [&](const std::string& module, Linear& linear) {
    linear.lora_a = linear.lora_b = at::Tensor();
    const auto a = snapshot.tensors.find(module + ".lora_a");
    const auto b = snapshot.tensors.find(module + ".lora_b");
    if (a == snapshot.tensors.end() && b == snapshot.tensors.end()) return;
    if (a == snapshot.tensors.end() || b == snapshot.tensors.end()) {
      throw std::runtime_error("tensor " + module + ": lora_a without lora_b or the reverse");
    }
    const int64_t rank = a->second.dim() == 2 ? a->second.size(0) : 0;
    const std::vector<int64_t> a_shape = {rank, linear.weight.size(1)};
    const std::vector<int64_t> b_shape = {linear.weight.size(0), rank};
    if (rank < 1 || a->second.sizes() != a_shape) shape_error(a->first, a->second, a_shape);
    if (b->second.sizes() != b_shape) shape_error(b->first, b->second, b_shape);
    linear.lora_a = copy_like(a->second, linear.weight);
    linear.lora_b = copy_like(b->second, linear.weight);
    linear.lora_scale = parse_alpha(snapshot) / static_cast<double>(rank);
    used += 2;
  });
  return used;
}

}  // namespace

void attach_lora(Transformer& transformer, const LoraOptions& options, uint64_t seed) {
  check_targets(transformer, options);
  const auto targeted = [&options](const std::string& module) {
    return std::count(options.targets.begin(), options.targets.end(), last_part(module)) > 0;
  };
  for_each_linear(transformer, [&](const std::string& module, Linear& linear) {
    if (!linear.has_adapter()) return;
    throw std::invalid_argument(module + ": has an adapter already, expected none");
  });
  for_each_tensor(transformer, [](const std::string&, at::Tensor& tensor) {
    if (tensor.defined() && tensor.requires_grad()) tensor = tensor.detach();
  });
  retie(transformer);
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for_each_linear(transformer, [&](const std::string& module, Linear& linear) {
    if (targeted(module)) attach_one(linear, options, generator);
  });
}

void merge_lora(Transformer& transformer) {
  for_each_linear(transformer, [](const std::string&, Linear& linear) {
    if (!linear.has_adapter()) return;
    linear.weight = merged_weight(linear);
    linear.lora_a = linear.lora_b = at::Tensor();
    linear.lora_scale = 0.0;
  });
}

void enable_full_training(Transformer& transformer) {
  merge_lora(transformer);
  for_each_tensor(transformer, [](const std::string&, at::Tensor& tensor) {
    if (tensor.defined()) tensor = tensor.detach().clone().requires_grad_(true);
  });
  retie(transformer);
}

std::vector<std::pair<std::string, at::Tensor>> trainable_parameters(
    const Transformer& transformer) {
  std::vector<std::pair<std::string, at::Tensor>> result;
  Transformer shared = transformer;  // the same tensors; for_each_tensor hands out references
  for_each_tensor(shared, [&result](const std::string& name, at::Tensor& tensor) {
    if (tensor.defined() && tensor.requires_grad()) result.emplace_back(name, tensor);
  });
  return result;
}

void load_trainable(Transformer& transformer, const std::map<std::string, at::Tensor>& tensors) {
  Transformer next = transformer;
  size_t used = 0;
  for_each_tensor(next, [&](const std::string& name, at::Tensor& tensor) {
    const auto found = tensors.find(name);
    const bool trainable = tensor.defined() && tensor.requires_grad();
    if (found == tensors.end()) {
      if (trainable) throw std::runtime_error("tensor " + name + " is missing");
      return;
    }
    if (!trainable) throw std::runtime_error("tensor " + name + " is not trainable in this model");
    if (found->second.sizes() != tensor.sizes()) shape_error(name, found->second, tensor.sizes());
    tensor = copy_like(found->second, tensor).requires_grad_(true);
    ++used;
  });
  if (used != tensors.size()) {
    Transformer& known = next;
    for (const auto& [name, unused] : tensors) {
      bool found = false;
      for_each_tensor(known, [&](const std::string& n, at::Tensor& t) {
        found = found || (n == name && t.defined());
      });
      if (!found) throw std::runtime_error("tensor " + name + " is not a tensor of this model");
    }
  }
  retie(next);
  transformer = std::move(next);
}

Transformer with_snapshot(const Transformer& base, const Snapshot& snapshot) {
  Transformer result = base;
  size_t used = take_adapters(result, snapshot);
  for_each_tensor(result, [&](const std::string& name, at::Tensor& tensor) {
    if (!tensor.defined()) return;
    if (name.ends_with(".lora_a") || name.ends_with(".lora_b")) return;
    tensor = tensor.detach();
    const auto found = snapshot.tensors.find(name);
    if (found == snapshot.tensors.end()) return;
    if (found->second.sizes() != tensor.sizes()) shape_error(name, found->second, tensor.sizes());
    tensor = found->second.detach().to(tensor.options());
    ++used;
  });
  retie(result);
  used += snapshot.tensors.count("value_head.weight") + snapshot.tensors.count("value_head.bias");
  if (used != snapshot.tensors.size()) {
    throw std::runtime_error("snapshot of " + snapshot.model + ": " +
                             std::to_string(snapshot.tensors.size() - used) +
                             " tensors do not belong to this model");
  }
  return result;
}

std::map<std::string, std::string> adapter_metadata(const Transformer& transformer) {
  std::map<std::string, std::string> result;
  Transformer shared = transformer;
  for_each_linear(shared, [&result](const std::string&, Linear& linear) {
    if (!linear.has_adapter()) return;
    std::ostringstream alpha;
    alpha.precision(17);
    alpha << linear.lora_scale * static_cast<double>(linear.lora_a.size(0));
    result["lora_alpha"] = alpha.str();
  });
  return result;
}

}  // namespace charter::model
