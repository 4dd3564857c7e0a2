// The engine and the packed pass on the default model. Skipped where another or none is installed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

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

  // Mean difference of all tokens' log-probs from float32's, over texts of several kinds.
  double mean_difference(const std::shared_ptr<const PackedModel>& narrow) {
    const std::pair<const char*, const char*> texts[] = {
        {"The river rises in the hills north of the town, and",
         " flows slowly through fields and small villages before it reaches the sea."},
        {"\"You are late again,\" she said.",
         " He put his hat on the table and laughed. \"The train was late. I was on time.\""},
        {"<|im_start|>user\nHow do I boil an egg?<|im_end|>\n<|im_start|>assistant\n",
         "Put the egg in boiling water for eight minutes, then cool it under the tap.<|im_end|>"},
        {"def mean(values):\n",
         "    total = 0\n    for v in values:\n        total += v\n    return "
         "total / len(values)\n"},
        {"12 + 30 = 42. 7 * 8 = 56.", " 100 - 58 = 42. 9 * 9 = 81. 144 / 12 = 12."},
        {"Ingredients:\n- 200 g flour\n",
         "- 3 eggs\n- 1 pinch of salt\n- 250 ml milk\n\nMethod:\n"},
        {"Der Zug nach Hamburg", " fährt heute von Gleis neun ab und kommt um acht Uhr an."},
        {"{\"name\": \"Ada\", \"age\": 36,", " \"languages\": [\"en\", \"fr\"], \"active\": true}"},
        {"Photosynthesis is the process by which",
         " plants turn light, water and carbon dioxide into sugar and oxygen."},
        {"qzx vlm oooo 77 %%", " brrt ## lkj asdf 0x9f zz top ~~ umlaut ein zwo"}};
    double sum = 0, worst = 0;
    size_t tokens = 0;
    Engine exact = engine({.max_batch = 1, .max_context = 128});
    Engine rough = engine({.max_batch = 1, .max_context = 128}, narrow);
    for (const auto& [prompt, continuation] : texts) {
      auto request = request_of(0, ids(prompt), 1);
      request.continuation = ids(continuation);
      exact.submit(request);
      rough.submit(request);
      const auto a = run_all(exact).at(0).logprobs, b = run_all(rough).at(0).logprobs;
      double own = 0;
      for (size_t i = 0; i < a.size(); ++i) own += std::abs(a[i] - b[i]);
      sum += own;
      tokens += a.size();
      worst = std::max(worst, own / static_cast<double>(a.size()));
    }
    const double mean = sum / static_cast<double>(tokens);
    RecordProperty("mean_logprob_difference", std::to_string(mean));
    std::cout << "mean log-prob difference " << mean << " over " << tokens
              << " tokens, of the worst text " << worst << "\n";
    return mean;
  }

  // Completions of `prompts`, request i being prompts[i], submitted in the order of `order`.
  std::map<uint64_t, Completion> generate(const std::vector<std::string>& prompts,
                                          const std::vector<size_t>& order, int32_t max_batch) {
    Engine e = engine({.max_batch = max_batch, .max_context = 128});
    for (const size_t i : order) e.submit(request_of(i, ids(prompts[i]), 4, 0.9));
    return run_all(e);
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

TEST_F(DefaultModel, TokensDoNotDependOnTheBatchOrItsOrder) {
  std::vector<std::string> prompts;
  for (const char* opening :
       {"The oldest bridge", "My neighbour's dog", "In the year 1850,", "def f(x):", "Dear Sir,",
        "A recipe for", "She opened the", "Water boils"}) {
    for (const char* more : {"", " in the city is", " that we", "\n\n1."})
      prompts.push_back(std::string(opening) + more);
  }
  ASSERT_EQ(prompts.size(), 32u);
  std::vector<size_t> order(32);
  std::iota(order.begin(), order.end(), size_t{0});
  const auto together = generate(prompts, order, 32);
  std::reverse(order.begin(), order.end());
  const auto reversed = generate(prompts, order, 32);
  for (uint64_t i = 0; i < 32; ++i) {
    const Completion alone = generate(prompts, {i}, 1).at(i);
    EXPECT_EQ(together.at(i).tokens, alone.tokens) << prompts[i];
    EXPECT_EQ(reversed.at(i).tokens, alone.tokens) << prompts[i];
    EXPECT_LT(largest_difference(together.at(i).logprobs, alone.logprobs), 1e-4) << prompts[i];
    EXPECT_LT(largest_difference(reversed.at(i).logprobs, alone.logprobs), 1e-4) << prompts[i];
  }
}

// tests/golden/logits_smollm2.json, made by tests/golden/logits.py.
TEST_F(DefaultModel, LogitsEqualTransformers) {
  const at::NoGradGuard no_grad;
  std::ifstream in(std::filesystem::path(CHARTER_SOURCE_DIR) / "tests/golden/logits_smollm2.json");
  const auto golden = nlohmann::json::parse(in);
  Engine e = engine({.max_batch = 4, .max_context = 512});
  uint64_t id = 0;
  double worst = 0;
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
      worst = std::max(worst, (got - at::tensor(expected, at::kDouble)).abs().max().item<double>());
    }
    worst = std::max(
        worst, std::abs(at::logsumexp(last, 0).item<double>() - c.at("logsumexp").get<double>()));
    auto request = request_of(id++, prompt, 1);
    request.continuation = c.at("continuation_ids").get<std::vector<int32_t>>();
    e.submit(request);
  }
  const auto done = run_all(e);
  for (id = 0; id < done.size(); ++id) {
    const auto expected =
        golden.at("cases")[id].at("continuation_logprobs").get<std::vector<float>>();
    worst = std::max(worst, largest_difference(done.at(id).logprobs, expected));
  }
  std::cout << "largest difference " << worst << "\n";
  EXPECT_LT(worst, 2e-4);
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
  // Beside its panels it holds the embedding in float32, which float32 reads from the head's.
  const auto embedding = static_cast<int64_t>(transformer->embedding.nbytes());
  EXPECT_LT(int8->packed_bytes() - embedding, (*packed)->packed_bytes() / 3);
  EXPECT_LT(mean_difference(int8), 0.2);  // 0.109 measured with VNNI
}

TEST_F(DefaultModel, BfloatLogprobsStayNearFloats) {
  if (kernels().gemm_panels_bf16 == nullptr) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  const auto bf16 = PackedModel::make(*transformer, Precision::kBfloat16);
  const auto embedding = static_cast<int64_t>(transformer->embedding.nbytes());
  EXPECT_EQ(bf16->packed_bytes() - embedding, (*packed)->packed_bytes() / 2);
  EXPECT_LT(mean_difference(bf16), 0.05);
}

}  // namespace
}  // namespace charter::model
