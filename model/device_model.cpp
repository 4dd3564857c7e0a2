#include <ATen/ATen.h>

#include "model/packed_model_impl.hpp"

namespace charter::model {
namespace {

at::Tensor own(const at::Tensor& t) { return t.defined() ? t.detach().clone() : t; }

// The base tensors of `shared` where there is one, else copies of `linear`'s; always copies of its
// adapters.
Linear frozen(const Linear& linear, const Linear* shared) {
  return {.weight = shared != nullptr ? shared->weight : own(linear.weight),
          .bias = shared != nullptr ? shared->bias : own(linear.bias),
          .lora_a = own(linear.lora_a),
          .lora_b = own(linear.lora_b),
          .lora_scale = linear.lora_scale};
}

Layer frozen(const Layer& layer, const Layer* shared) {
  Layer result;
  for (const auto linear :
       {&Layer::q, &Layer::k, &Layer::v, &Layer::o, &Layer::gate, &Layer::up, &Layer::down}) {
    result.*linear = frozen(layer.*linear, shared != nullptr ? &(shared->*linear) : nullptr);
  }
  for (const auto norm :
       {&Layer::input_norm, &Layer::post_attention_norm, &Layer::q_norm, &Layer::k_norm}) {
    result.*norm = shared != nullptr ? shared->*norm : own(layer.*norm);
  }
  return result;
}

}  // namespace

std::shared_ptr<const PackedModel> make_unpacked(const Transformer& transformer,
                                                 const DeviceModel* base) {
  const at::NoGradGuard no_grad;
  auto model = std::make_shared<DeviceModel>();
  const Transformer* shared = base != nullptr ? &base->transformer : nullptr;
  Transformer& copy = model->transformer;
  copy.config = transformer.config;
  copy.embedding = shared != nullptr ? shared->embedding : own(transformer.embedding);
  copy.final_norm = shared != nullptr ? shared->final_norm : own(transformer.final_norm);
  for (size_t i = 0; i < transformer.layers.size(); ++i) {
    copy.layers.push_back(
        frozen(transformer.layers[i], shared != nullptr ? &shared->layers[i] : nullptr));
  }
  copy.head = frozen(transformer.head, shared != nullptr ? &shared->head : nullptr);
  const bool tied = transformer.embedding.is_same(transformer.head.weight);
  if (tied) copy.head.weight = copy.embedding;
  auto impl = std::make_shared<PackedModel::Impl>();
  impl->on_device = std::move(model);
  return std::make_shared<const PackedModel>(std::move(impl));
}

}  // namespace charter::model
