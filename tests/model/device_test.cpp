// Everything that runs on tensors, on a device whose memory the host cannot touch, against the CPU.
#include "model/device.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "feedback/firewall.hpp"
#include "feedback/pm_trainer.hpp"
#include "model/lora.hpp"
#include "model/packed_model_impl.hpp"
#include "model/snapshot.hpp"
#include "model/train_step.hpp"
#include "rl/ppo_trainer.hpp"
#include "tests/model/engine_fixture.hpp"
#include "tests/model/fake_device.hpp"
#include "tests/rl/tiny_policy.hpp"

namespace charter::model {
namespace {

using test::fake_device;

// Adapters that do something: B is not zero.
Transformer adapted(Transformer t, uint64_t seed) {
  attach_lora(t, {.rank = 4}, seed);
  const at::NoGradGuard no_grad;
  const auto generator = at::detail::createCPUGenerator(seed);
  for_each_linear(t, [&](const std::string&, Linear& l) {
    if (l.has_adapter()) l.lora_b.normal_(0.0, 0.1, generator);
  });
  return t;
}

// Trainable tensors on the device are leaves again.
Transformer trainable_on(Transformer t, at::Device device) {
  std::vector<bool> wanted;
  for_each_linear(t, [&](const std::string&, Linear& l) {
    for (const at::Tensor* x : {&l.weight, &l.lora_a, &l.lora_b}) {
      wanted.push_back(x->defined() && x->requires_grad());
    }
  });
  t = on_device(std::move(t), device);
  size_t i = 0;
  for_each_linear(t, [&](const std::string&, Linear& l) {
    for (at::Tensor* x : {&l.weight, &l.lora_a, &l.lora_b}) {
      if (wanted[i++]) x->requires_grad_(true);
    }
  });
  return t;
}

void expect_close(const at::Tensor& got, const at::Tensor& expected, double tolerance) {
  EXPECT_LE((got.to(at::kCPU) - expected.to(at::kCPU)).abs().max().item<double>(), tolerance);
}

void expect_same(const Snapshot& got, const Snapshot& expected, double tolerance) {
  ASSERT_EQ(got.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : got.tensors) {
    SCOPED_TRACE(name);
    expect_close(tensor, expected.tensors.at(name), tolerance);
  }
}

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() / ("charter_device_" + std::to_string(::getpid()));
}

TEST(FakeDevice, RefusesToMixDevices) {
  const at::Tensor a = at::ones({3}).to(fake_device()), b = at::ones({3});
  EXPECT_ANY_THROW((void)(a + b));
  EXPECT_THROW((void)at::mm(a.view({1, 3}), b.view({3, 1})), std::runtime_error);
  expect_close(a + a, b * 2, 0);
}

TEST(FakeDeviceDeathTest, TheHostCannotReadItsMemory) {
  const at::Tensor a = at::ones({3}).to(fake_device());
  EXPECT_DEATH((void)*static_cast<volatile const float*>(a.const_data_ptr()), "");
}

TEST(Device, CudaWithoutItsLibrarySaysWhatIsMissing) {
  EXPECT_EQ(require_device("cpu"), at::Device(at::kCPU));
  try {
    (void)require_device("cuda");
    GTEST_SKIP() << "this machine has a GPU";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("device \"cuda\": "), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("expected "), std::string::npos) << e.what();
  }
  EXPECT_THROW((void)require_device("tpu"), std::runtime_error);
}

TEST(Device, TiedWeightsStayOneTensor) {
  const Transformer tied = on_device(tiny_transformer(), fake_device());
  EXPECT_TRUE(tied.embedding.is_same(tied.head.weight));
  EXPECT_EQ(tied.layers[0].q.weight.device(), fake_device());
  EXPECT_FALSE(on_device(tiny_transformer({.tied = false}), fake_device())
                   .embedding.is_same(tied.head.weight));
}

TEST(Device, ThePackedPassGivesTheSameHiddenStatesAndLogProbs) {
  for (const TinyOptions& options : {TinyOptions{}, TinyOptions{.qkv_bias = true, .tied = false},
                                     TinyOptions{.qk_norm = true}}) {
    const Transformer host = adapted(tiny_transformer(options), 3);
    const Transformer device = on_device(host, fake_device());
    const at::NoGradGuard no_grad;
    const std::vector<std::vector<int32_t>> sequences{tiny_tokens(9, 1), tiny_tokens(17, 2)};
    const at::Tensor a = hidden_states(host, pack(sequences));
    const at::Tensor b = hidden_states(device, pack(sequences, fake_device()));
    expect_close(b, a, 1e-4);
    const at::Tensor targets = pack(sequences).tokens;
    expect_close(token_logprobs(device, b, targets.to(fake_device()), 0.7),
                 token_logprobs(host, a, targets, 0.7), 1e-4);
    const at::Tensor rows = at::tensor({8, 25}, at::kLong);
    expect_close(layer_activations(device, pack(sequences, fake_device()), rows.to(fake_device())),
                 layer_activations(host, pack(sequences), rows), 1e-4);
    auto longer = sequences[1];
    longer.push_back(5);
    const std::vector<std::vector<int32_t>> sharing{sequences[1], longer};
    ASSERT_EQ(pack_shared(sharing).tokens.size(0), 16 + 1 + 2);
    const at::Tensor some = at::tensor({16, 3, 18}, at::kLong);
    expect_close(hidden_rows(device, pack_shared(sharing, fake_device()), some.to(fake_device())),
                 hidden_rows(host, pack_shared(sharing), some), 1e-4);
  }
}

// Prompts that share 70 tokens, more than one block, and one that ends within a block.
std::vector<GenerationRequest> some_requests() {
  const auto prefix = tiny_tokens(70, 5);
  std::vector<GenerationRequest> requests;
  for (uint64_t i = 0; i < 5; ++i) {
    requests.push_back(request_of(i, joined(prefix, tiny_tokens(3 + 30 * (i % 2), i)), 6));
  }
  requests.push_back(request_of(5, prefix, 12, 0.0));
  requests.push_back(request_of(6, head_of(prefix, 30), 1));
  requests.back().continuation = tiny_tokens(9, 77);
  requests.push_back(request_of(7, prefix, 1));
  requests.back().candidates = {4, 9};
  return requests;
}

void expect_same_completions(Engine& got, Engine& expected) {
  for (Engine* engine : {&got, &expected}) {
    for (auto& request : some_requests()) engine->submit(std::move(request));
  }
  const auto a = run_all(got), b = run_all(expected);
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [id, c] : a) {
    EXPECT_EQ(c.tokens, b.at(id).tokens) << id;
    EXPECT_LE(largest_difference(c.logprobs, b.at(id).logprobs), 1e-4) << id;
    EXPECT_EQ(c.cached_prompt_tokens, b.at(id).cached_prompt_tokens) << id;
  }
}

constexpr EngineOptions kOptions{.max_batch = 3, .max_context = 256, .prefill_chunk_tokens = 48};

TEST(Device, TheEngineGeneratesTheSameTokens) {
  for (const TinyOptions& options : {TinyOptions{}, TinyOptions{.qkv_bias = true, .tied = false},
                                     TinyOptions{.qk_norm = true}}) {
    const Transformer host = adapted(tiny_transformer(options), 3);
    Engine a(PackedModel::make(on_device(host, fake_device())), nullptr, {0, 1}, kOptions);
    Engine b(PackedModel::make(host), nullptr, {0, 1}, kOptions);
    EXPECT_EQ(PackedModel::make(on_device(host, fake_device()))->device(), fake_device());
    expect_same_completions(a, b);
    EXPECT_GT(a.stats().prefix_hit_tokens, 0);
    // Other adapters on the same base.
    const Transformer other = adapted(tiny_transformer(options), 4);
    const auto base = PackedModel::make(on_device(host, fake_device()));
    a.set_weights(base->with_adapters(on_device(other, fake_device())), {0, 2});
    b.set_weights(PackedModel::make(other), {0, 2});
    expect_same_completions(a, b);
  }
}

TEST(Device, TheUnpackedPassOnTheCpuGivesTheSameTokens) {
  const Transformer host = adapted(tiny_transformer(), 3);
  Engine a(make_unpacked(host), nullptr, {0, 1}, kOptions);
  Engine b(PackedModel::make(host), nullptr, {0, 1}, kOptions);
  expect_same_completions(a, b);
}

TEST(Device, AnEngineRefusesWeightsOfAnotherDeviceAndInt8OnIt) {
  const Transformer host = tiny_transformer();
  Engine engine(PackedModel::make(host), nullptr, {0, 1}, kOptions);
  EXPECT_THROW(engine.set_weights(PackedModel::make(on_device(host, fake_device())), {0, 2}),
               std::invalid_argument);
  EXPECT_THROW((void)PackedModel::make(on_device(host, fake_device()), Precision::kInt8),
               std::invalid_argument);
}

TEST(Device, FineTuningTakesTheSameSteps) {
  for (const bool checkpointing : {false, true}) {
    const Transformer host = adapted(tiny_transformer(), 3);
    const SftOptions options{.micro_batch_tokens = 20, .gradient_checkpointing = checkpointing};
    SftTrainer a(trainable_on(host, fake_device()), options, {.lr = 1e-2});
    SftTrainer b(adapted(tiny_transformer(), 3), options, {.lr = 1e-2});
    for (uint64_t step = 0; step < 3; ++step) {
      for (SftTrainer* trainer : {&a, &b}) {
        trainer->begin({{.tokens = tiny_tokens(12, step), .loss_from = 4},
                        {.tokens = tiny_tokens(15, step + 9), .loss_from = 1, .weight = 0.5}});
        while (!trainer->advance()) {
        }
      }
      EXPECT_NEAR(a.stats().loss, b.stats().loss, 1e-4);
    }
    expect_same(a.snapshot(0), b.snapshot(0), 1e-3);
    // What the device saved, the CPU reads.
    a.save(scratch());
    b.restore(scratch());
    std::filesystem::remove_all(scratch());
    expect_same(a.snapshot(0), b.snapshot(0), 0);
  }
}

TEST(Device, PpoTakesTheSameSteps) {
  const rl::PpoOptions options{.epochs = 2, .minibatches = 2, .micro_batch_tokens = 40};
  const auto batch = rl::sample(rl::tiny_policy(), rl::tiny_policy(), {}, rl::count_of_seven);
  rl::PpoTrainer a(trainable_on(rl::tiny_trainable(), fake_device()),
                   zero_value_head(rl::kTinyHidden, fake_device()), options, {.lr = 1e-2});
  rl::PpoTrainer b(rl::tiny_trainable(), zero_value_head(rl::kTinyHidden), options, {.lr = 1e-2});
  for (int step = 0; step < 2; ++step) {
    for (rl::PpoTrainer* trainer : {&a, &b}) {
      trainer->begin(batch);
      while (!trainer->advance()) {
      }
    }
    EXPECT_NEAR(a.stats().policy_loss, b.stats().policy_loss, 1e-4);
    EXPECT_NEAR(a.stats().value_loss, b.stats().value_loss, 1e-4);
    EXPECT_NEAR(a.stats().kl_k1, b.stats().kl_k1, 1e-3);
  }
  expect_same(a.snapshot(0), b.snapshot(0), 1e-3);
  a.save(scratch());
  a.restore(scratch());
  std::filesystem::remove_all(scratch());
}

TEST(Device, ThePreferenceModelTakesTheSameSteps) {
  const auto pm = [](at::Device device) {
    feedback::PreferenceModel m{.transformer = adapted(tiny_transformer(), 3),
                                .head = random_value_head(48, 5, device)};
    if (!device.is_cpu()) m.transformer = trainable_on(m.transformer, device);
    return m;
  };
  std::vector<feedback::PreferencePair> pairs;
  for (uint64_t i = 0; i < 4; ++i) {
    pairs.push_back({.work_id = static_cast<int64_t>(i),
                     .first = tiny_tokens(6, i),
                     .second = tiny_tokens(9, i + 20),
                     .p_first = 0.2 + 0.2 * static_cast<double>(i),
                     .source = "ai"});
  }
  feedback::PmTrainer a(pm(fake_device()), {}, {.lr = 1e-2}), b(pm(at::kCPU), {}, {.lr = 1e-2});
  for (feedback::PmTrainer* trainer : {&a, &b}) {
    trainer->begin(pairs);
    while (!trainer->advance()) {
    }
  }
  EXPECT_NEAR(a.stats().loss, b.stats().loss, 1e-4);
  EXPECT_NEAR(a.stats().margin_mean, b.stats().margin_mean, 1e-4);
  // The bias is in both scores of a pair: its gradient is rounding, and AdamW makes steps of it.
  Snapshot x = a.snapshot(0), y = b.snapshot(0);
  x.tensors.erase("value_head.bias");
  y.tensors.erase("value_head.bias");
  expect_same(x, y, 1e-3);
  // A snapshot from the device scores the same on shared tensors of either.
  const Snapshot snapshot = a.snapshot(0);
  const std::vector<std::vector<int32_t>> sequences{tiny_tokens(8, 1), tiny_tokens(5, 2)};
  const at::NoGradGuard no_grad;
  expect_close(feedback::scores(
                   feedback::with_snapshot(on_device(tiny_transformer(), fake_device()), snapshot),
                   sequences),
               feedback::scores(feedback::with_snapshot(tiny_transformer(), snapshot), sequences),
               1e-4);
}

}  // namespace
}  // namespace charter::model
