#include "model/engine.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "model/packed_model_impl.hpp"
#include "tests/model/engine_fixture.hpp"

namespace charter::model {
namespace {

constexpr double kTolerance = 1e-4;  // in log-probability: what the engine promises

class EngineParity : public testing::TestWithParam<TinyOptions> {};

TEST_P(EngineParity, GenerationEqualsThePackedPass) {
  Transformer t = tiny_transformer(GetParam());
  add_random_adapters(t);
  Engine engine = engine_of(t);
  std::vector<std::vector<int32_t>> prompts;
  for (const int64_t length : {1, 7, 63, 64, 65, 130, 200, 300, 3, 2}) {
    prompts.push_back(tiny_tokens(length, static_cast<uint64_t>(length)));
    engine.submit(request_of(prompts.size() - 1, prompts.back(), 80, 0.8));
  }
  const auto done = run_all(engine);
  ASSERT_EQ(done.size(), prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Completion& c = done.at(i);
    ASSERT_EQ(c.tokens.size(), 80u);
    EXPECT_EQ(c.finish, FinishReason::kLength);
    EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, prompts[i], c.tokens, 0.8)),
              kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EngineParity,
                         testing::Values(TinyOptions{},
                                         TinyOptions{.qkv_bias = true, .tied = false},
                                         TinyOptions{.qk_norm = true},
                                         TinyOptions{.num_kv_heads = 6}));

TEST(Engine, TokensDoNotDependOnTheBatchOrItsOrder) {
  const Transformer t = tiny_transformer();
  const auto run = [&](std::vector<uint64_t> ids, int32_t max_batch) {
    Engine engine =
        engine_of(t, {.max_batch = max_batch, .max_context = 512, .prefill_chunk_tokens = 50});
    for (const uint64_t id : ids) engine.submit(request_of(id, tiny_tokens(20 + 9 * id, id), 40));
    return run_all(engine);
  };
  const auto forward = run({0, 1, 2, 3, 4}, 8), backward = run({4, 3, 2, 1, 0}, 2),
             alone = run({3}, 1);
  for (uint64_t id = 0; id < 5; ++id) {
    EXPECT_EQ(forward.at(id).tokens, backward.at(id).tokens) << id;
    EXPECT_LT(largest_difference(forward.at(id).logprobs, backward.at(id).logprobs), kTolerance);
  }
  EXPECT_EQ(forward.at(3).tokens, alone.at(3).tokens);
}

TEST(Engine, SeedsDecideTheTokens) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t);
  auto request = request_of(0, tiny_tokens(10, 1), 30);
  for (const uint64_t seed : {5, 5, 6}) {
    request.sampling.seed = seed;
    engine.submit(request);
    ++request.id;
  }
  const auto done = run_all(engine);
  EXPECT_EQ(done.at(0).tokens, done.at(1).tokens);
  EXPECT_NE(done.at(0).tokens, done.at(2).tokens);
}

TEST(Engine, ScoringEqualsGenerationsLogprobs) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t, {.max_batch = 4, .max_context = 512, .prefill_chunk_tokens = 30});
  const auto prompt = tiny_tokens(77, 5);
  engine.submit(request_of(0, prompt, 50, 0.7));
  const Completion generated = run_all(engine).at(0);
  auto score = request_of(1, prompt, 1, 0.7);
  score.continuation = generated.tokens;
  engine.submit(score);
  auto candidates = request_of(2, prompt, 1, 0.7);
  candidates.candidates = {generated.tokens[0], 4};
  engine.submit(candidates);
  const auto done = run_all(engine);
  EXPECT_EQ(done.at(1).finish, FinishReason::kScored);
  EXPECT_EQ(done.at(1).tokens, generated.tokens);
  EXPECT_LT(largest_difference(done.at(1).logprobs, generated.logprobs), kTolerance);
  ASSERT_EQ(done.at(2).logprobs.size(), 2u);
  EXPECT_NEAR(done.at(2).logprobs[0], generated.logprobs[0], kTolerance);
}

TEST(Engine, GreedyTakesTheLargestLogit) {
  const at::NoGradGuard no_grad;
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t);
  const auto prompt = tiny_tokens(12, 9);
  engine.submit(request_of(0, prompt, 1, 0.0));
  const Completion c = run_all(engine).at(0);
  const auto scores = logits(t, hidden_states(t, pack({{prompt}})).narrow(0, 11, 1));
  EXPECT_EQ(c.tokens[0], scores.argmax().item<int64_t>());
  EXPECT_NEAR(c.logprobs[0], at::log_softmax(scores, 1).max().item<float>(), kTolerance);
}

TEST(Engine, StopTokensAreKeptAndEndTheRequest) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t);
  engine.submit(request_of(0, tiny_tokens(10, 1), 40));
  const auto whole = run_all(engine).at(0).tokens;
  auto request = request_of(0, tiny_tokens(10, 1), 40);
  request.sampling.stop_tokens = {whole[7]};
  engine.submit(request);
  const Completion c = run_all(engine).at(0);
  EXPECT_EQ(c.finish, FinishReason::kStopToken);
  EXPECT_EQ(c.tokens.back(), whole[7]);
  EXPECT_EQ(c.tokens, head_of(whole, c.tokens.size()));
}

TEST(Engine, EndsAtTheContext) {
  Engine engine = engine_of(tiny_transformer(), {.max_batch = 2, .max_context = 40});
  engine.submit(request_of(0, tiny_tokens(30, 1), 64));
  const Completion c = run_all(engine).at(0);
  EXPECT_EQ(c.finish, FinishReason::kContext);
  EXPECT_EQ(c.tokens.size(), 10u);  // 30 + 10 = 40
}

TEST(Engine, NewWeightsServeRunningSequencesWithTheirKv) {
  const Transformer first = tiny_transformer();
  Transformer second = tiny_transformer();
  second.head.weight = second.head.weight * 1.5;  // same KV, other logits: exact values are known
  const auto prompt = tiny_tokens(80, 3);
  Engine engine = engine_of(first);
  engine.submit(request_of(0, prompt, 20));
  std::vector<Completion> done;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(engine.step().empty());
  engine.set_weights(PackedModel::make(second), {0, 2});
  const Completion c = run_all(engine).at(0);
  const auto before = exact_logprobs(first, prompt, c.tokens);
  const auto after = exact_logprobs(second, prompt, c.tokens);
  ASSERT_EQ(c.versions.size(), 20u);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(c.versions[i].number, i < 10 ? 1 : 2) << i;
    EXPECT_NEAR(c.logprobs[i], i < 10 ? before[i] : after[i], kTolerance) << i;
  }
}

TEST(Engine, CancelReturnsWhatThereIs) {
  Engine engine = engine_of(tiny_transformer(), {.max_batch = 1, .max_context = 512});
  engine.submit(request_of(0, tiny_tokens(10, 1), 40));
  engine.submit(request_of(1, tiny_tokens(10, 2), 5));
  for (int i = 0; i < 3; ++i) (void)engine.step();
  EXPECT_TRUE(engine.cancel(0));
  EXPECT_FALSE(engine.cancel(7));
  const auto done = run_all(engine);
  EXPECT_EQ(done.at(0).finish, FinishReason::kCancelled);
  EXPECT_EQ(done.at(0).tokens.size(), 3u);
  EXPECT_EQ(done.at(1).tokens.size(), 5u);
}

TEST(Engine, ACancelledScoreHasTheTokensScoredSoFar) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t, {.max_batch = 1, .max_context = 512, .prefill_chunk_tokens = 50});
  auto request = request_of(0, tiny_tokens(20, 1), 1);
  request.continuation = tiny_tokens(100, 2);
  engine.submit(request);
  engine.submit(request_of(1, tiny_tokens(10, 2), 5));
  EXPECT_TRUE(engine.step().empty());
  EXPECT_TRUE(engine.cancel(1));  // it waits for the only slot
  EXPECT_TRUE(engine.cancel(0));
  EXPECT_FALSE(engine.cancel(0));
  EXPECT_FALSE(engine.idle());  // until a step returns them
  const auto done = run_all(engine);
  EXPECT_EQ(engine.stats().kv_bytes, engine.stats().prefix_bytes);  // what they held is free
  EXPECT_EQ(done.at(1).finish, FinishReason::kCancelled);
  EXPECT_TRUE(done.at(1).tokens.empty());
  EXPECT_EQ(done.at(1).prompt_tokens, 10);
  const Completion& c = done.at(0);
  EXPECT_EQ(c.finish, FinishReason::kCancelled);
  // Positions 0..49 were computed; 19..49 predict response tokens 0..30.
  EXPECT_EQ(c.tokens, head_of(request.continuation, 31));
  EXPECT_EQ(c.versions.size(), 31u);
  EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, request.prompt, c.tokens)),
            kTolerance);
}

// Generation, continuations and candidates in shared steps, each as exact as alone.
TEST(Engine, MixesAllKindsOfRequestsInAStep) {
  const at::NoGradGuard no_grad;
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t, {.max_batch = 6, .max_context = 512, .prefill_chunk_tokens = 40});
  std::vector<GenerationRequest> requests;
  for (uint64_t id = 0; id < 9; ++id) {
    auto r = request_of(id, tiny_tokens(15 + 23 * static_cast<int64_t>(id), id), 25, 0.7);
    if (id % 3 == 1) r.continuation = tiny_tokens(60, id + 90);
    if (id % 3 == 2) r.candidates = {3, 60, 3, 96};
    requests.push_back(r);
    engine.submit(r);
  }
  std::map<uint64_t, Completion> done;
  bool shared = false;
  while (!engine.idle()) {
    const EngineStats before = engine.stats();
    for (Completion& c : engine.step()) done[c.id] = std::move(c);
    shared = shared || (engine.stats().prefill_tokens > before.prefill_tokens &&
                        engine.stats().decode_tokens > before.decode_tokens);
  }
  EXPECT_TRUE(shared);
  for (const GenerationRequest& r : requests) {
    const Completion& c = done.at(r.id);
    if (r.candidates.empty()) {
      EXPECT_EQ(c.finish, r.id % 3 == 0 ? FinishReason::kLength : FinishReason::kScored);
      if (r.id % 3 == 1) {
        EXPECT_EQ(c.tokens, r.continuation);
      }
      EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, r.prompt, c.tokens, 0.7)),
                kTolerance)
          << r.id;
      continue;
    }
    EXPECT_EQ(c.tokens, r.candidates);
    for (size_t i = 0; i < r.candidates.size(); ++i) {
      EXPECT_NEAR(c.logprobs.at(i), exact_logprobs(t, r.prompt, {r.candidates[i]}, 0.7)[0],
                  kTolerance)
          << r.id;
    }
  }
}

TEST(Engine, NamesTheRequestWhoseLogitsAreNotFinite) {
  for (const float value : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    Transformer t = tiny_transformer({.tied = false});
    t.embedding[9].fill_(value);  // the second prompt holds token 9, the first does not
    Engine engine = engine_of(t);
    auto request = request_of(4, {1, 2, 3}, 1);
    request.continuation = {5, 6};
    engine.submit(request);
    engine.submit(request_of(7, {1, 9, 3}, 8));
    try {
      (void)run_all(engine);
      ADD_FAILURE() << "accepted " << value;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()),
                "request 7: the logits of response token 0 are not finite");
    }
  }
}

TEST(Engine, RefusesTheIdOfARequestUnderWay) {
  Engine engine = engine_of(tiny_transformer(), {.max_batch = 1, .max_context = 512});
  const auto request = request_of(3, {1, 2, 3}, 4);
  engine.submit(request);
  EXPECT_THROW(engine.submit(request), std::invalid_argument);  // queued
  (void)engine.step();
  EXPECT_THROW(engine.submit(request), std::invalid_argument);  // running
  EXPECT_TRUE(engine.cancel(3));
  EXPECT_THROW(engine.submit(request), std::invalid_argument);  // its completion is to come
  EXPECT_EQ(run_all(engine).size(), 1u);
  engine.submit(request);
  EXPECT_EQ(run_all(engine).at(3).tokens.size(), 4u);
}

// A file may claim any max_position: 2^30 rows of 8 cosines and 8 sines would be 64 GiB.
TEST(Engine, HasRotationsForItsContextAlone) {
  Transformer t = tiny_transformer();
  t.config.max_position = 1 << 30;
  for (const auto& model : {PackedModel::make(t), make_unpacked(t)}) {
    Engine engine(model, nullptr, {}, {.max_batch = 1, .max_context = 64});
    engine.submit(request_of(0, tiny_tokens(60, 1), 8));
    const Completion c = run_all(engine).at(0);
    EXPECT_EQ(c.finish, FinishReason::kContext);
    EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, tiny_tokens(60, 1), c.tokens)),
              kTolerance);
  }
}

TEST(Engine, RefusesWhatItCannotServe) {
  Engine engine = engine_of(tiny_transformer());
  const auto refused = [&](auto change) {
    auto request = request_of(0, {1, 2, 3}, 4);
    change(request);
    EXPECT_THROW(engine.submit(request), std::invalid_argument);
  };
  refused([](auto& r) { r.prompt.clear(); });
  refused([](auto& r) { r.prompt = {97}; });
  refused([](auto& r) { r.prompt = {-1}; });
  refused([](auto& r) { r.prompt.assign(512, 1); });
  refused([](auto& r) { r.continuation.assign(510, 1); });
  refused([](auto& r) { r.sampling.top_p = 0; });
  for (const double temperature : {-1.0, 1e-40, 9e-5, HUGE_VAL, std::nan("")})
    refused([&](auto& r) { r.sampling.temperature = temperature; });
  refused([](auto& r) { r.sampling.max_new_tokens = 0; });
  refused([](auto& r) { r.sampling.stop = {"x"}; });  // this engine has no tokenizer
  EXPECT_TRUE(engine.idle());
  EXPECT_EQ(engine.free_slots(), 8);
}

}  // namespace
}  // namespace charter::model
