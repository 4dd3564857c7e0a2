#include "actors/engine_meter.hpp"

#include <gtest/gtest.h>

namespace charter::actors {
namespace {

class EngineMeterTest : public testing::Test {
 protected:
  void show(const model::EngineStats& now, size_t sequences = 0) {
    meter.show(now, sequences, metrics, loop);
  }

  prometheus::Registry registry;
  metrics::EngineMetrics metrics = metrics::EngineMetrics::make(registry, {});
  ComputeLoop loop{"rollout/0", 1, metrics::StageMetrics::make(registry, {}, "rollout")};
  EngineMeter meter;
};

TEST_F(EngineMeterTest, CountsWhatCameSinceTheLastCall) {
  show({.prefill_tokens = 30,
        .decode_tokens = 4,
        .prefix_hit_tokens = 10,
        .prefix_lookup_tokens = 40});
  show({.prefill_tokens = 50,
        .decode_tokens = 9,
        .prefix_hit_tokens = 90,
        .prefix_lookup_tokens = 140});
  EXPECT_EQ(metrics.prefill_tokens.Value(), 50);
  EXPECT_EQ(metrics.decode_tokens.Value(), 9);
  EXPECT_EQ(metrics.prefix_hit_tokens.Value(), 90);
  EXPECT_EQ(metrics.prefix_lookup_tokens.Value(), 140);
  EXPECT_EQ(loop.read(), 50);
  EXPECT_EQ(loop.generated(), 9);
}

TEST_F(EngineMeterTest, AnEngineInPlaceOfAnotherAddsToItsCounts) {
  show({.prefill_tokens = 30, .prefix_lookup_tokens = 40});
  meter = {};
  show({.prefill_tokens = 5, .prefix_lookup_tokens = 7});
  EXPECT_EQ(metrics.prefill_tokens.Value(), 35);        // 30 + 5
  EXPECT_EQ(metrics.prefix_lookup_tokens.Value(), 47);  // 40 + 7
}

TEST_F(EngineMeterTest, ShowsMemoryAndSequencesOfTheMomentUntilTheEnd) {
  show({.kv_bytes = 4096}, 3);
  show({.kv_bytes = 1024}, 2);
  EXPECT_EQ(metrics.kv_cache_bytes.Value(), 1024);
  EXPECT_EQ(metrics.running_sequences.Value(), 2);
  metrics.ended();
  EXPECT_EQ(metrics.kv_cache_bytes.Value(), 0);
  EXPECT_EQ(metrics.running_sequences.Value(), 0);
}

}  // namespace
}  // namespace charter::actors
