// Prefix reuse through the engine, and the tree by itself.
#include <gtest/gtest.h>

#include "model/prefix_cache.hpp"
#include "tests/model/engine_fixture.hpp"

namespace charter::model {
namespace {

TEST(PrefixReuse, GivesTheSameLogprobsAndCountsHits) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t);
  const auto prefix = tiny_tokens(150, 1);
  for (uint64_t id = 0; id < 6; ++id) {
    engine.submit(request_of(id, joined(prefix, tiny_tokens(5 + 3 * id, id + 50)), 30));
  }
  const auto done = run_all(engine);
  int64_t prompt_tokens = 0, cached = 0;
  for (uint64_t id = 0; id < 6; ++id) {
    const Completion& c = done.at(id);
    const auto prompt = joined(prefix, tiny_tokens(5 + 3 * id, id + 50));
    EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, prompt, c.tokens)), 1e-4) << id;
    EXPECT_EQ(c.cached_prompt_tokens, id == 0 ? 0 : 150) << id;
    prompt_tokens += c.prompt_tokens;
    cached += c.cached_prompt_tokens;
  }
  // They arrived together, yet the prefix was computed once: all that was not cached is what
  // prefill ran.
  EXPECT_EQ(engine.stats().prefix_hit_tokens, cached);
  EXPECT_EQ(engine.stats().prefix_lookup_tokens, prompt_tokens);
  EXPECT_EQ(engine.stats().prefill_tokens, prompt_tokens - cached);
}

TEST(PrefixReuse, SamplesOfOnePromptComputeItOnce) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t);
  const auto prompt = tiny_tokens(64, 1);
  for (uint64_t id = 0; id < 4; ++id) engine.submit(request_of(id, prompt, 70));
  const auto done = run_all(engine);
  EXPECT_EQ(engine.stats().prefill_tokens, 64);
  for (uint64_t id = 0; id < 4; ++id) {
    const Completion& c = done.at(id);
    EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, prompt, c.tokens)), 1e-4) << id;
  }
}

TEST(PrefixReuse, StopsAtANewVersion) {
  const Transformer first = tiny_transformer(), second = tiny_transformer({.seed = 8});
  const auto prompt = tiny_tokens(140, 1);
  Engine engine = engine_of(first);
  engine.submit(request_of(0, prompt, 5));
  (void)run_all(engine);
  engine.set_weights(PackedModel::make(second), {0, 2});
  EXPECT_EQ(engine.version(), (WeightVersion{0, 2}));
  engine.submit(request_of(1, prompt, 5));
  const Completion c = run_all(engine).at(1);
  EXPECT_EQ(c.cached_prompt_tokens, 0);
  EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(second, prompt, c.tokens)), 1e-4);
}

TEST(PrefixReuse, AComputationThatStraddlesAVersionIsNotReused) {
  const Transformer first = tiny_transformer(), second = tiny_transformer({.seed = 8});
  const auto prompt = tiny_tokens(200, 1);
  Engine engine =
      engine_of(first, {.max_batch = 4, .max_context = 512, .prefill_chunk_tokens = 50});
  engine.submit(request_of(0, prompt, 5));
  (void)engine.step();
  engine.set_weights(PackedModel::make(second), {0, 2});
  engine.submit(request_of(1, prompt, 5));
  const Completion c = run_all(engine).at(1);
  EXPECT_EQ(c.cached_prompt_tokens, 0);
  EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(second, prompt, c.tokens)), 1e-4);
}

TEST(PrefixReuse, StaysWithinItsBytes) {
  const Transformer t = tiny_transformer();
  // 3 layers x 2 heads x 2 x 16 x 64 floats = 48 KiB a block; room for 3 of them.
  const int64_t block = 3 * 2 * 2 * 16 * 64 * 4;
  Engine engine =
      engine_of(t, {.max_batch = 2, .max_context = 512, .prefix_cache_bytes = 3 * block});
  for (uint64_t id = 0; id < 12; ++id) {
    engine.submit(request_of(id, tiny_tokens(130, id), 3));
    (void)run_all(engine);
    EXPECT_LE(engine.stats().prefix_bytes, 3 * block);
  }
  EXPECT_EQ(engine.stats().kv_bytes, engine.stats().prefix_bytes);  // nothing else is held
}

TEST(PrefixReuse, CancellingTheOneThatComputesFreesTheOnesThatWait) {
  const Transformer t = tiny_transformer();
  Engine engine = engine_of(t, {.max_batch = 4, .max_context = 512, .prefill_chunk_tokens = 40});
  const auto prompt = tiny_tokens(200, 1);
  engine.submit(request_of(0, prompt, 5));
  engine.submit(request_of(1, prompt, 5));
  (void)engine.step();
  EXPECT_TRUE(engine.cancel(0));
  const Completion c = run_all(engine).at(1);
  EXPECT_EQ(c.cached_prompt_tokens, 40);
  EXPECT_LT(largest_difference(c.logprobs, exact_logprobs(t, prompt, c.tokens)), 1e-4);
}

TEST(PrefixCache, EvictsTheLeastRecentlyUsedLeaf) {
  KvCache kv(tiny_config({}));
  PrefixCache cache(kv, 2 * kv.block_bytes());
  const auto a = tiny_tokens(64, 1), b = tiny_tokens(64, 2), c = tiny_tokens(64, 3);
  for (const auto& tokens : {a, b}) {
    const int32_t block = kv.acquire();
    const auto node = cache.enter(cache.find({}).last, tokens, block);
    cache.set_ready(node, 64, true);
    kv.release(block);
  }
  auto hit = cache.find(a);  // b is now the older one
  ASSERT_EQ(hit.tokens(), 64);
  kv.release(hit.blocks[0]);
  const int32_t block = kv.acquire();
  cache.set_ready(cache.enter(cache.find({}).last, c, block), 64, true);
  kv.release(block);
  EXPECT_EQ(cache.find(b).tokens(), 0);
  EXPECT_EQ(kv.blocks_in_use(), 2);
  cache.clear();
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace charter::model
