// Shows what a generation engine did: the difference of its running totals.
#pragma once
#include "actors/compute_loop.hpp"
#include "metrics/metrics.hpp"
#include "model/engine.hpp"

namespace charter::actors {

class EngineMeter {
 public:
  // Adds what the engine did since the last call to its metrics and to the loop's tokens.
  // sequences: it works on.
  void show(const model::EngineStats& now, size_t sequences, const metrics::EngineMetrics& metrics,
            ComputeLoop& loop) {
    const auto add = [&](prometheus::Counter& counter, int64_t model::EngineStats::*total) {
      counter.Increment(static_cast<double>(now.*total - last_.*total));
    };
    add(metrics.prefill_tokens, &model::EngineStats::prefill_tokens);
    add(metrics.decode_tokens, &model::EngineStats::decode_tokens);
    add(metrics.prefix_lookup_tokens, &model::EngineStats::prefix_lookup_tokens);
    add(metrics.prefix_hit_tokens, &model::EngineStats::prefix_hit_tokens);
    metrics.running_sequences.Set(static_cast<double>(sequences));
    metrics.kv_cache_bytes.Set(static_cast<double>(now.kv_bytes));
    loop.count_read(now.prefill_tokens - last_.prefill_tokens);
    loop.count_generated(now.decode_tokens - last_.decode_tokens);
    last_ = now;
  }

 private:
  model::EngineStats last_;
};

}  // namespace charter::actors
