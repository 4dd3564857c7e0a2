// Low-rank adapters (LoRA: Hu et al. 2021, arXiv:2106.09685) and full training of a transformer:
// which tensors are trained, their names, and putting them in and out.
// Names: "model.layers.0.self_attn.q_proj.lora_a"; in full training the Hugging Face names
// ("model.layers.0.self_attn.q_proj.weight").
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/snapshot.hpp"
#include "model/transformer.hpp"

namespace charter::model {

struct LoraOptions {
  int rank = 8;         // >= 1
  double alpha = 16.0;  // the adapter's product is scaled by alpha / rank
  // Last parts of module names. "lm_head" is refused when it shares the embedding's tensor.
  std::vector<std::string> targets = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                      "gate_proj", "up_proj", "down_proj"};
};

// Gives every targeted linear a new adapter that requires gradients: A uniform within
// +-1 / sqrt(inputs) (Kaiming with a = sqrt 5, the reference implementation's choice), B zero, so
// that the model's outputs do not change. Base weights require none.
// Throws std::invalid_argument on an unknown target, rank < 1, or an adapter already there.
void attach_lora(Transformer& transformer, const LoraOptions& options, uint64_t seed);

// Makes the adapters part of the weights and removes them. Adapted weights become new tensors: what
// they were is never written to, other owners keep it.
void merge_lora(Transformer& transformer);

// Clones every weight (a tied head stays tied) and lets it require gradients; adapters are merged
// first.
void enable_full_training(Transformer& transformer);

// The tensors that require gradients, in model order. They are the model's own: an optimizer's
// in-place update changes the model.
[[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> trainable_parameters(
    const Transformer& transformer);

// Replaces the trainable tensors by copies of `tensors`, on the model's device and requiring
// gradients like those before. The replaced tensors are not written to. Throws std::runtime_error
// naming a tensor that is missing, misshapen or not trainable in this model; the model is then
// unchanged.
void load_trainable(Transformer& transformer, const std::map<std::string, at::Tensor>& tensors);

// A model for inference at a snapshot's version: the tensors of `base` shared, adapters or weights
// taken from the snapshot (its metadata "lora_alpha" gives the scale). Value head tensors are
// passed over. Nothing requires gradients. Throws std::runtime_error like load_trainable.
[[nodiscard]] Transformer with_snapshot(const Transformer& base, const Snapshot& snapshot);

// What with_snapshot needs besides the tensors: {"lora_alpha": ...} when there are adapters.
[[nodiscard]] std::map<std::string, std::string> adapter_metadata(const Transformer& transformer);

}  // namespace charter::model
