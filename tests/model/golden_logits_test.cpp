// Logits, a loss and its gradients against transformers, on tiny models of each family
// (tests/golden/tiny, made by tests/golden/tiny_models.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/safetensors.hpp"
#include "tests/model/engine_fixture.hpp"

namespace charter::model {
namespace {

const std::filesystem::path kTiny = std::filesystem::path(CHARTER_SOURCE_DIR) / "tests/golden/tiny";

nlohmann::json read_json(const std::filesystem::path& file) {
  std::ifstream in(file);
  return nlohmann::json::parse(in);
}

Transformer tiny_family(const std::string& family) {
  ModelFiles files;
  files.source = (kTiny / family).string();
  files.config = config_from_hf(read_json(kTiny / family / "config.json"), files.source);
  files.tensors = read_safetensors_dir(kTiny / family).tensors;
  return make_transformer(files);
}

void expect_golden_logits(const Transformer& t, const std::string& family) {
  const at::NoGradGuard no_grad;
  const auto golden = read_json(kTiny / family / "logits.json");
  const auto ids = golden.at("input_ids").get<std::vector<int32_t>>();
  const std::vector<std::vector<int32_t>> sequences{ids};
  const auto got = logits(t, hidden_states(t, pack(sequences)));
  const auto rows = golden.at("logits").get<std::vector<std::vector<double>>>();
  ASSERT_EQ(got.size(0), static_cast<int64_t>(rows.size()));
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto expected = at::tensor(rows[r], at::kDouble);
    EXPECT_LT((got[static_cast<int64_t>(r)] - expected).abs().max().item<double>(), 2e-4)
        << "row " << r;
  }
  // The cached pass: log-probabilities of all tokens after the first.
  Engine engine(PackedModel::make(t), nullptr, {}, {.max_batch = 1, .max_context = 64});
  auto request = request_of(0, {ids.front()}, 1);
  request.continuation.assign(ids.begin() + 1, ids.end());
  engine.submit(request);
  const Completion c = run_all(engine).at(0);
  ASSERT_EQ(c.tokens.size(), ids.size() - 1);
  for (size_t i = 0; i < c.tokens.size(); ++i) {
    const auto row = at::tensor(rows[i], at::kDouble);
    const double expected =
        rows[i][static_cast<size_t>(c.tokens[i])] - at::logsumexp(row, 0).item<double>();
    EXPECT_NEAR(c.logprobs[i], expected, 2e-4) << i;
  }
}

class GoldenFamily : public testing::TestWithParam<std::string> {};

TEST_P(GoldenFamily, LogitsEqualTransformersInBothPasses) {
  expect_golden_logits(tiny_family(GetParam()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFamily,
                         testing::Values("llama", "mistral", "qwen2", "qwen3", "llama2",
                                         "llama_linear"));

// The same weights as llama.cpp stores them: its names, and for llama its order of rows.
class GoldenGguf : public testing::TestWithParam<std::string> {};

TEST_P(GoldenGguf, LogitsEqualTransformersInBothPasses) {
  const ModelFiles files = load_model(kTiny / GetParam() / "model.gguf");
  const Transformer t = make_transformer(files);
  const Transformer stored = tiny_family(GetParam());
  EXPECT_TRUE(files.config == stored.config);
  expect_golden_logits(t, GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenGguf,
                         testing::Values("qwen2", "qwen3", "llama2", "llama_linear"));

TEST(GoldenTraining, LossAndGradientsEqualTransformers) {
  Transformer t = tiny_family("llama");
  const auto golden = read_json(kTiny / "llama/train.json");
  const auto ids = golden.at("input_ids").get<std::vector<int32_t>>();
  const auto first = golden.at("first_target").get<int64_t>(),
             n = static_cast<int64_t>(ids.size()) - first;
  std::map<std::string, at::Tensor> parameters;
  const auto train = [&](const std::string& name, at::Tensor& tensor) {
    tensor = tensor.clone().requires_grad_(true);
    parameters[name] = tensor;
  };
  train("model.embed_tokens.weight", t.embedding);
  train("model.norm.weight", t.final_norm);
  for_each_linear(t,
                  [&](const std::string& name, Linear& l) { train(name + ".weight", l.weight); });
  for (size_t i = 0; i < t.layers.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    train(prefix + "input_layernorm.weight", t.layers[i].input_norm);
    train(prefix + "post_attention_layernorm.weight", t.layers[i].post_attention_norm);
  }
  const std::vector<std::vector<int32_t>> sequences{ids};
  const auto hidden = hidden_states(t, pack(sequences)).narrow(0, first - 1, n);
  const std::vector<int64_t> targets(ids.begin() + first, ids.end());
  const auto loss = -token_logprobs(t, hidden, at::tensor(targets, at::kLong), 1.0).mean();
  EXPECT_NEAR(loss.item<double>(), golden.at("loss").get<double>(), 1e-4);
  loss.backward();
  ASSERT_EQ(golden.at("gradients").size(), parameters.size());
  for (const auto& [name, expected] : golden.at("gradients").items()) {
    const at::Tensor grad = parameters.at(name).grad();
    const double norm = expected.at("norm").get<double>();
    EXPECT_NEAR(grad.norm().item<double>(), norm, 1e-4 * (1 + norm)) << name;
    const auto values = grad.flatten().narrow(0, 0, 4);
    for (int64_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(values[i].item<double>(),
                  expected.at("first")[static_cast<size_t>(i)].get<double>(), 1e-4 * (1 + norm))
          << name;
    }
  }
}

}  // namespace
}  // namespace charter::model
