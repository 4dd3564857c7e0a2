#include "model/train_step.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/lora.hpp"
#include "model/safetensors.hpp"
#include "tests/model/tiny_model.hpp"

namespace charter::model {
namespace {

constexpr AdamWOptions kAdam{.lr = 1e-2, .beta1 = 0.0};  // the first moment is the gradient

Transformer trainable() {
  Transformer t = tiny_transformer();
  attach_lora(t, {.rank = 4}, 1);
  return t;
}

std::vector<SftExample> examples() {
  return {{.tokens = tiny_tokens(12, 1), .loss_from = 4},
          {.tokens = tiny_tokens(7, 2), .loss_from = 1, .weight = 0.5},
          {.tokens = tiny_tokens(20, 3), .loss_from = 18},
          {.tokens = tiny_tokens(9, 4), .loss_from = 2},
          // Two of one beginning, the second learning a part of that too.
          {.tokens = joined(tiny_tokens(20, 5), tiny_tokens(6, 6)), .loss_from = 20},
          {.tokens = joined(tiny_tokens(20, 5), tiny_tokens(4, 7)), .loss_from = 18}};
}

SftStats train(SftTrainer& trainer, std::vector<SftExample> batch) {
  trainer.begin(std::move(batch));
  while (!trainer.advance()) {
  }
  return trainer.stats();
}

std::filesystem::path scratch(const std::string& name) {
  const auto dir = std::filesystem::temp_directory_path() /
                   ("charter_sft_" + std::to_string(::getpid()) + "_" + name);
  std::filesystem::remove_all(dir);
  return dir;
}

std::map<std::string, at::Tensor> saved(const SftTrainer& trainer, const std::string& name) {
  const auto dir = scratch(name);
  trainer.save(dir);
  auto tensors = read_snapshot(dir / "sft_trainer.safetensors").tensors;
  std::filesystem::remove_all(dir);
  return tensors;
}

TEST(MicroBatches, FillTheBudgetWithoutSplittingAnItem) {
  const std::vector<int64_t> lengths = {3, 4, 9, 2, 2, 2, 1};
  // 3 + 4 <= 7; 9 alone exceeds it; 2 + 2 + 2 + 1 = 7.
  EXPECT_EQ(plan_micro_batches(lengths, 7), (std::vector<size_t>{2, 3, 7}));
  EXPECT_TRUE(plan_micro_batches({}, 7).empty());
  EXPECT_THROW((void)plan_micro_batches(lengths, 0), std::invalid_argument);
}

TEST(SftTrainer, LossIsTheWeightedMeanOverLossTokens) {
  const Transformer base = tiny_transformer();
  double sum = 0, weight = 0;
  for (const SftExample& example : examples()) {
    const at::NoGradGuard no_grad;
    const at::Tensor h =
        hidden_states(base, pack(std::vector<std::vector<int32_t>>{example.tokens}));
    const at::Tensor lsm = at::log_softmax(logits(base, h), 1);
    for (size_t t = static_cast<size_t>(example.loss_from); t < example.tokens.size(); ++t) {
      sum -= example.weight * lsm[static_cast<int64_t>(t) - 1][example.tokens[t]].item<double>();
      weight += example.weight;
    }
  }
  SftTrainer trainer(trainable(), {}, kAdam);
  const SftStats stats = train(trainer, examples());
  EXPECT_NEAR(stats.loss, sum / weight, 1e-5);
  EXPECT_EQ(stats.loss_tokens, 8 + 6 + 2 + 7 + 6 + 6);
  EXPECT_EQ(stats.tokens, 48 + 26 + 24);
  EXPECT_EQ(stats.version, 1);
}

TEST(SftTrainer, MicroBatchesAndCheckpointingDoNotChangeTheGradient) {
  SftTrainer whole(trainable(), {.micro_batch_tokens = 4096}, kAdam);
  SftTrainer split(trainable(), {.micro_batch_tokens = 10}, kAdam);
  SftTrainer again(trainable(), {.micro_batch_tokens = 4096, .gradient_checkpointing = true},
                   kAdam);
  const double loss = train(whole, examples()).loss;
  EXPECT_NEAR(train(split, examples()).loss, loss, 1e-6);
  EXPECT_NEAR(train(again, examples()).loss, loss, 1e-6);
  const auto x = saved(whole, "whole"), y = saved(split, "split"), z = saved(again, "again");
  for (const auto& [name, tensor] : x) {
    if (!name.starts_with("exp_avg.")) continue;
    EXPECT_LE((tensor - y.at(name)).abs().max().item<double>(), 1e-6) << name;
    EXPECT_LE((tensor - z.at(name)).abs().max().item<double>(), 1e-6) << name;
  }
}

TEST(SftTrainer, GradientMatchesFiniteDifferences) {
  // Float32 weights: a step of 1e-2 and a tolerance of two percent.
  Transformer t = trainable();
  SftTrainer trainer(t, {.max_grad_norm = 0}, {.lr = 0.0, .beta1 = 0.0});
  at::Tensor b = t.layers[1].down.lora_b;
  const auto loss_at = [&](float value) {
    const at::NoGradGuard no_grad;
    b[3][2].fill_(value);
    const at::AutoGradMode grad(true);
    return train(trainer, examples()).loss;
  };
  const double slope = (loss_at(1e-2f) - loss_at(-1e-2f)) / 2e-2;
  (void)loss_at(0.0f);
  const double gradient =
      saved(trainer, "fd").at("exp_avg.model.layers.1.mlp.down_proj.lora_b")[3][2].item<double>();
  EXPECT_NEAR(gradient, slope, 0.02 * std::abs(slope) + 1e-5);
}

TEST(SftTrainer, LearnsToRepeatItsData) {
  SftTrainer trainer(trainable(), {}, {.lr = 2e-2});
  const double before = train(trainer, examples()).loss;
  for (int i = 0; i < 60; ++i) (void)train(trainer, examples());
  EXPECT_LT(trainer.stats().loss, 0.1 * before);
}

TEST(SftTrainer, GoesOnBitForBitAfterARestore) {
  const auto dir = scratch("resume");
  SftTrainer first(trainable(), {}, {}), second(trainable(), {}, {});
  (void)train(first, examples());
  first.save(dir);
  (void)train(first, examples());
  second.begin(examples());
  second.restore(dir);
  EXPECT_EQ(second.version(), 1);
  (void)train(second, examples());
  const auto x = saved(first, "x"), y = saved(second, "y");
  for (const auto& [name, tensor] : x) EXPECT_TRUE(at::equal(tensor, y.at(name))) << name;
  EXPECT_THROW(second.restore(dir / "absent"), std::runtime_error);
  std::filesystem::remove_all(dir);
}

TEST(SftTrainer, RefusesExamplesOutOfRange) {
  SftTrainer trainer(trainable(), {}, {});
  EXPECT_THROW(trainer.begin({}), std::invalid_argument);
  EXPECT_THROW(trainer.begin({{.tokens = {1}}}), std::invalid_argument);
  EXPECT_THROW(trainer.begin({{.tokens = {1, 2}, .loss_from = 2}}), std::invalid_argument);
  EXPECT_THROW(trainer.begin({{.tokens = {1, 97}}}), std::invalid_argument);
  EXPECT_THROW(trainer.begin({{.tokens = {1, 2}, .weight = 0}}), std::invalid_argument);
  EXPECT_THROW((void)trainer.advance(), std::invalid_argument);
}

// tests/golden/tiny_models.py: five steps of torch.optim.AdamW on one sequence, all weights
// trained.
TEST(SftTrainer, FollowsTransformersAndTorchForFiveSteps) {
  const std::filesystem::path dir = CHARTER_SOURCE_DIR "/tests/golden/tiny/llama";
  const auto golden = nlohmann::json::parse(std::ifstream(dir / "train.json"));
  const auto& adamw = golden.at("adamw");
  ModelFiles files;
  files.source = dir.string();
  files.config =
      config_from_hf(nlohmann::json::parse(std::ifstream(dir / "config.json")), files.source);
  files.tensors = read_safetensors_dir(dir).tensors;
  Transformer policy = make_transformer(files);
  enable_full_training(policy);
  SftTrainer trainer(policy, {.max_grad_norm = 0},
                     {.lr = adamw.at("lr"),
                      .beta1 = adamw.at("beta1"),
                      .beta2 = adamw.at("beta2"),
                      .eps = adamw.at("eps"),
                      .weight_decay = adamw.at("weight_decay")});
  const SftExample example{.tokens = golden.at("input_ids").get<std::vector<int32_t>>(),
                           .loss_from = golden.at("first_target").get<int64_t>()};
  for (const double expected : golden.at("losses").get<std::vector<double>>()) {
    EXPECT_NEAR(train(trainer, {example}).loss, expected, 1e-4);
  }
}

}  // namespace
}  // namespace charter::model
