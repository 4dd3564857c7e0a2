// The engine and the packed pass on the default model. Skipped where another or none is installed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/kernels.hpp"
#include "model/model_files.hpp"
#include "model/tokenizer.hpp"
#include "tests/model/engine_fixture.hpp"
#include "tests/model/model_path.hpp"

namespace charter::model {
namespace {

class DefaultModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!is_default_model(testing_model_path())) return;
    const ModelFiles files = load_model(testing_model_path());
    transformer = new Transformer(make_transformer(files));
    tokenizer =
        new std::shared_ptr<const Tokenizer>(std::make_shared<const Tokenizer>(files.tokenizer));
    packed = new std::shared_ptr<const PackedModel>(PackedModel::make(*transformer));
  }
  static void TearDownTestSuite() {
    delete transformer;
    delete tokenizer;
    delete packed;
  }
  void SetUp() override { SKIP_UNLESS_DEFAULT_MODEL(); }

  std::vector<int32_t> ids(const std::string& text) { return (*tokenizer)->encode(text); }
  Engine engine(EngineOptions options, std::shared_ptr<const PackedModel> model = nullptr) {
    return Engine(model ? std::move(model) : *packed, *tokenizer, {}, options);
  }

  // Mean difference of a sentence's log-probs from float32's.
  double mean_difference(const std::shared_ptr<const PackedModel>& narrow) {
    auto request = request_of(0, ids("The river rises in the hills north of the town, and"), 1);
    request.continuation =
        ids(" flows slowly through fields and small villages before it reaches the sea.");
    std::vector<std::vector<float>> results;
    for (const auto& model : {*packed, narrow}) {
      Engine e = engine({.max_batch = 1, .max_context = 128}, model);
      e.submit(request);
      results.push_back(run_all(e).at(0).logprobs);
    }
    double mean = 0;
    for (size_t i = 0; i < results[0].size(); ++i) {
      mean += std::abs(results[0][i] - results[1][i]) / static_cast<double>(results[0].size());
    }
    RecordProperty("mean_logprob_difference", std::to_string(mean));
    std::cout << "mean log-prob difference " << mean << "\n";
    return mean;
  }

  static inline Transformer* transformer = nullptr;
  static inline std::shared_ptr<const Tokenizer>* tokenizer = nullptr;
  static inline std::shared_ptr<const PackedModel>* packed = nullptr;
};

TEST_F(DefaultModel, CachedAndPackedPassesAgree) {
  Engine e = engine({.max_batch = 4, .max_context = 512, .prefill_chunk_tokens = 60});
  const std::string shared =
      "The city library keeps a catalogue of every book it owns. Readers may borrow four at a "
      "time, for three weeks, "
      "and renew them twice unless another reader waits. Late returns cost ten cents a day. The "
      "reading room is open "
      "from nine to six, and on Thursdays until nine; on Sundays it is closed. ";
  std::vector<std::vector<int32_t>> prompts;
  for (const char* tail :
       {"A reader asks how", "Last winter the roof", "On Sundays", "12 + 30 ="}) {
    prompts.push_back(ids(shared + tail));
    e.submit(request_of(prompts.size() - 1, prompts.back(), 24));
  }
  const auto done = run_all(e);
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Completion& c = done.at(i);
    EXPECT_EQ(c.cached_prompt_tokens > 0, i > 0);
    EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(*transformer, prompts[i], c.tokens)),
              1e-4)
        << i;
  }
}

// tests/golden/logits_smollm2.json, made by tests/golden/logits.py.
TEST_F(DefaultModel, LogitsEqualTransformers) {
  const at::NoGradGuard no_grad;
  std::ifstream in(std::filesystem::path(CHARTER_SOURCE_DIR) / "tests/golden/logits_smollm2.json");
  const auto golden = nlohmann::json::parse(in);
  Engine e = engine({.max_batch = 4, .max_context = 512});
  uint64_t id = 0;
  for (const auto& c : golden.at("cases")) {
    const auto prompt = c.at("prompt_ids").get<std::vector<int32_t>>();
    const std::vector<std::vector<int32_t>> sequences{prompt};
    const auto hidden = hidden_states(*transformer, pack(sequences));
    const auto last = logits(*transformer, hidden.narrow(0, hidden.size(0) - 1, 1))[0];
    for (const char* kind : {"vocab_ids", "top_ids"}) {
      const auto chosen = c.at(kind).get<std::vector<int64_t>>();
      const auto expected =
          c.at(kind[0] == 'v' ? "logits" : "top_logits").get<std::vector<double>>();
      const auto got = last.index_select(0, at::tensor(chosen, at::kLong));
      EXPECT_LT((got - at::tensor(expected, at::kDouble)).abs().max().item<double>(), 1e-3)
          << c.at("name");
    }
    EXPECT_NEAR(at::logsumexp(last, 0).item<double>(), c.at("logsumexp").get<double>(), 1e-3);
    auto request = request_of(id++, prompt, 1);
    request.continuation = c.at("continuation_ids").get<std::vector<int32_t>>();
    e.submit(request);
  }
  const auto done = run_all(e);
  for (id = 0; id < done.size(); ++id) {
    const auto expected =
        golden.at("cases")[id].at("continuation_logprobs").get<std::vector<float>>();
    EXPECT_LT(largest_difference(done.at(id).logprobs, expected), 1e-3) << id;
  }
}

TEST_F(DefaultModel, ContinuesAPlainFact) {
  Engine e = engine({.max_batch = 1, .max_context = 128});
  auto request = request_of(
      0, ids("<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"),
      16, 0.0);
  request.sampling.stop = {"."};
  e.submit(request);
  const Completion c = run_all(e).at(0);
  EXPECT_NE(c.text.find("Paris"), std::string::npos) << c.text;
  EXPECT_EQ(c.text.find('.'), std::string::npos);
}

TEST_F(DefaultModel, Int8LogprobsStayNearFloats) {
  const auto int8 = PackedModel::make(*transformer, Precision::kInt8);
  EXPECT_LT(int8->packed_bytes(), (*packed)->packed_bytes() / 3);
  EXPECT_LT(mean_difference(int8), 0.4);  // 0.26 measured with VNNI
}

TEST_F(DefaultModel, BfloatLogprobsStayNearFloats) {
  if (kernels().gemm_panels_bf16 == nullptr) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  const auto bf16 = PackedModel::make(*transformer, Precision::kBfloat16);
  EXPECT_EQ(bf16->packed_bytes(), (*packed)->packed_bytes() / 2);
  EXPECT_LT(mean_difference(bf16), 0.05);
}

}  // namespace
}  // namespace charter::model
