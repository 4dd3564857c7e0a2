#include "model/lora.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/model/tiny_model.hpp"

namespace charter::model {
namespace {

const TinyOptions kTied{}, kUntied{.tied = false};

at::Tensor hidden(const Transformer& transformer) {
  const at::NoGradGuard no_grad;
  const std::vector<std::vector<int32_t>> sequences = {tiny_tokens(9, 1), tiny_tokens(5, 2)};
  return hidden_states(transformer, pack(sequences));
}

// Gives every B random values: adapters that do something.
void train_a_little(Transformer& transformer) {
  const at::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(5);
  for (auto& [name, tensor] : trainable_parameters(transformer)) {
    if (name.ends_with("lora_b")) tensor.normal_(0.0, 0.1, generator);
  }
}

std::map<std::string, at::Tensor> by_name(const Transformer& transformer) {
  const auto list = trainable_parameters(transformer);
  return {list.begin(), list.end()};
}

TEST(Lora, NewAdaptersChangeNothing) {
  Transformer adapted = tiny_transformer();
  attach_lora(adapted, {}, 1);
  EXPECT_TRUE(at::equal(hidden(adapted), hidden(tiny_transformer())));
}

TEST(Lora, TrainsOnlyTheTargets) {
  Transformer t = tiny_transformer();
  attach_lora(t, {.rank = 2, .targets = {"q_proj", "down_proj"}}, 1);
  const auto parameters = trainable_parameters(t);
  ASSERT_EQ(parameters.size(), 3u * 2 * 2);  // 3 layers, 2 targets, A and B
  EXPECT_EQ(parameters[0].first, "model.layers.0.self_attn.q_proj.lora_a");
  EXPECT_EQ(parameters[0].second.sizes(), at::IntArrayRef({2, 48}));
  EXPECT_EQ(parameters[1].second.sizes(), at::IntArrayRef({96, 2}));
  EXPECT_DOUBLE_EQ(t.layers[0].q.lora_scale, 8.0);  // 16 / 2
}

TEST(Lora, ASeedFixesTheAdapters) {
  Transformer a = tiny_transformer(), b = tiny_transformer(), c = tiny_transformer();
  attach_lora(a, {}, 1);
  attach_lora(b, {}, 1);
  attach_lora(c, {}, 2);
  EXPECT_TRUE(at::equal(a.layers[2].up.lora_a, b.layers[2].up.lora_a));
  EXPECT_FALSE(at::equal(a.layers[2].up.lora_a, c.layers[2].up.lora_a));
  EXPECT_LE(a.layers[0].q.lora_a.abs().max().item<double>(), 1 / std::sqrt(48.0));
}

TEST(Lora, MergingKeepsTheOutputsAndTheOldWeights) {
  const Transformer base = tiny_transformer();
  const at::Tensor before = base.layers[0].q.weight.clone();
  Transformer t = base;
  attach_lora(t, {}, 1);
  train_a_little(t);
  const at::Tensor expected = hidden(t);
  EXPECT_GT((expected - hidden(base)).abs().max().item<double>(), 1e-2);
  merge_lora(t);
  EXPECT_FALSE(t.layers[0].q.has_adapter());
  EXPECT_LE((hidden(t) - expected).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(at::equal(base.layers[0].q.weight, before));
}

TEST(Lora, FullTrainingOwnsItsWeightsAndKeepsTheHeadTied) {
  const Transformer base = tiny_transformer(kTied);
  Transformer t = base;
  enable_full_training(t);
  EXPECT_TRUE(t.head.weight.is_same(t.embedding));
  EXPECT_FALSE(t.embedding.is_alias_of(base.embedding));
  // The embedding, 7 matrices and 2 norms a layer, the last norm; the tied head is not counted
  // again.
  EXPECT_EQ(trainable_parameters(t).size(), 1u + 3 * 9 + 1);
  Transformer untied = tiny_transformer(kUntied);
  enable_full_training(untied);
  EXPECT_EQ(trainable_parameters(untied).size(), 1u + 3 * 9 + 1 + 1);
}

TEST(Lora, LoadingReplacesWithoutWritingIntoTheOld) {
  Transformer source = tiny_transformer(), target = tiny_transformer();
  attach_lora(source, {}, 1);
  train_a_little(source);
  attach_lora(target, {}, 2);
  const at::Tensor old = target.layers[0].q.lora_b;
  load_trainable(target, by_name(source));
  EXPECT_TRUE(at::equal(hidden(target), hidden(source)));
  EXPECT_EQ(old.abs().max().item<float>(), 0.0f);
  EXPECT_TRUE(target.layers[0].q.lora_b.requires_grad());
}

std::string load_error(Transformer& target, const std::map<std::string, at::Tensor>& tensors) {
  try {
    load_trainable(target, tensors);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Lora, LoadingNamesWhatDoesNotFit) {
  Transformer t = tiny_transformer();
  attach_lora(t, {.targets = {"q_proj"}}, 1);
  const std::string name = "model.layers.1.self_attn.q_proj.lora_a";
  auto tensors = by_name(t);
  tensors.erase(name);
  EXPECT_EQ(load_error(t, tensors), "tensor " + name + " is missing");
  tensors[name] = at::zeros({8, 47});
  EXPECT_EQ(load_error(t, tensors), "tensor " + name + " has shape [8, 47], expected [8, 48]");
  tensors = by_name(t);
  tensors["model.norm.weight"] = at::ones({48});
  EXPECT_EQ(load_error(t, tensors), "tensor model.norm.weight is not trainable in this model");
  tensors = by_name(t);
  tensors["model.layers.9.mlp.up_proj.lora_a"] = at::ones({1});
  EXPECT_EQ(load_error(t, tensors),
            "tensor model.layers.9.mlp.up_proj.lora_a is not a tensor of this model");
}

TEST(Lora, ASnapshotMakesAnInferenceModelOfTheSharedBase) {
  const Transformer base = tiny_transformer();
  Transformer trained = base;
  attach_lora(trained, {.rank = 4, .alpha = 12}, 1);
  train_a_little(trained);
  const Snapshot snapshot{
      .model = "policy", .tensors = by_name(trained), .metadata = adapter_metadata(trained)};
  const Transformer worker = with_snapshot(base, snapshot);
  EXPECT_TRUE(at::equal(hidden(worker), hidden(trained)));
  EXPECT_TRUE(worker.layers[0].q.weight.is_alias_of(base.layers[0].q.weight));
  EXPECT_TRUE(trainable_parameters(worker).empty());
  Snapshot foreign = snapshot;
  foreign.tensors["model.layers.9.mlp.up_proj.lora_a"] = at::ones({1});
  EXPECT_THROW((void)with_snapshot(base, foreign), std::runtime_error);
  foreign = snapshot;
  foreign.metadata.clear();
  EXPECT_THROW((void)with_snapshot(base, foreign), std::runtime_error);
}

TEST(Lora, RefusesWhatItCannotDo) {
  Transformer t = tiny_transformer(kTied);
  EXPECT_THROW(attach_lora(t, {.rank = 0}, 1), std::invalid_argument);
  EXPECT_THROW(attach_lora(t, {.targets = {"w_proj"}}, 1), std::invalid_argument);
  EXPECT_THROW(attach_lora(t, {.targets = {"lm_head"}}, 1), std::invalid_argument);
  attach_lora(t, {}, 1);
  EXPECT_THROW(attach_lora(t, {}, 1), std::invalid_argument);
}

}  // namespace
}  // namespace charter::model
