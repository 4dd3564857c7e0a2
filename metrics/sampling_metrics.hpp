// The metrics of the roles that make and score data: prompt_source, rollout, feedback, reward and
// replay_buffer.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "metrics/maker.hpp"
#include "metrics/system_metrics.hpp"

namespace charter::metrics {

// Several roles drop trajectories and pairs; one family shows them side by side.
// reason: stale, filter, nan, schema.
[[nodiscard]] prometheus::Counter& dropped(Maker& make, const char* reason);

struct PromptSourceMetrics {
  prometheus::Gauge& leases_active;
  prometheus::Counter& leases_issued;
  prometheus::Counter& leases_expired;
  prometheus::Counter& prompts_quarantined;
  prometheus::Counter&
      admission_blocked_seconds;  // no lease given: the staleness bound was reached

  static PromptSourceMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

// A generation engine's own numbers; rollout and feedback actors each have one.
struct EngineMetrics {
  prometheus::Counter& prefill_tokens;
  prometheus::Counter& decode_tokens;
  prometheus::Counter& prefix_lookup_tokens;  // of prompts, looked up in the prefix cache
  prometheus::Counter& prefix_hit_tokens;     // of those, found there
  prometheus::Gauge& running_sequences;
  prometheus::Gauge& kv_cache_bytes;  // in use, the prefix cache's blocks included

  // The engine is gone, its process perhaps not.
  void ended() const {
    running_sequences.Set(0);
    kv_cache_bytes.Set(0);
  }

  static EngineMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

// Packed weights in memory, of one packing. Models that share a packing show it once.
[[nodiscard]] prometheus::Gauge& packed_weight_bytes(Maker& make, std::string_view model);

struct RolloutMetrics {
  EngineMetrics engine;
  prometheus::Gauge& packed_policy_bytes;  // of a version with weights of its own; with adapters 0
  WeightApplyMetrics weights;              // of the policy
  prometheus::Gauge& policy_version;       // the one this actor samples from
  prometheus::Histogram& response_tokens;
  prometheus::Counter& eos_missing;  // responses cut by the token limit
  prometheus::Counter& critiques;
  prometheus::Gauge& revision_changed_ratio;  // share of revisions that differ from their answer

  static RolloutMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

struct FeedbackMetrics {
  EngineMetrics engine;
  prometheus::Counter& requests_ok;
  prometheus::Counter& requests_undecided;  // both orders cancel, or no letter was likely
  prometheus::Counter& requests_error;
  prometheus::Histogram& latency_seconds;
  prometheus::Histogram& confidence;       // max(p, 1 - p), in [0.5, 1]
  prometheus::Gauge& position_flip_ratio;  // share of pairs whose verdict changes with the order
  LabelledCounters principle_used;         // by principle id of the constitution

  static FeedbackMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                              std::span<const std::string> principle_ids);
};

struct RewardMetrics {
  WeightApplyMetrics weights;       // of the PM
  prometheus::Histogram& pm_score;  // raw logits of the preference model
  prometheus::Gauge& pm_version;    // the one this actor scores with
  prometheus::Counter& dropped_schema;

  static RewardMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

struct ReplayMetrics {
  prometheus::Gauge& staleness_bound_versions;       // the configured bound
  prometheus::Histogram& sample_staleness_versions;  // at the moment a batch is taken
  prometheus::Histogram& trajectory_version_span;    // newest - oldest version in one trajectory
  prometheus::Counter& dropped_stale;
  prometheus::Counter& dropped_filter;
  prometheus::Counter& dropped_nan;
  prometheus::Counter& dropped_schema;

  static ReplayMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

}  // namespace charter::metrics
