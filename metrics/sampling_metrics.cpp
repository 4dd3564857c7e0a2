#include "metrics/sampling_metrics.hpp"

namespace charter::metrics {
namespace {

using Bounds = prometheus::Histogram::BucketBoundaries;

const Bounds kLatencySeconds = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60};
const Bounds kTokens = {4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};
const Bounds kVersions = {0, 1, 2, 3, 4, 6, 8, 16};
const Bounds kScores = {-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 8};
const Bounds kConfidence = {0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1};

prometheus::Counter& feedback_requests(Maker& make, const char* outcome) {
  return make.counter(
      "feedback_requests_total",
      "Pairs given to the judge, by outcome. Worry if error exceeds 5 %, or undecided half.",
      {{"outcome", outcome}});
}

}  // namespace

prometheus::Counter& dropped(Maker& make, const char* reason) {
  return make.counter(
      "dropped_total",
      "Trajectories and pairs thrown away, by reason. Worry if stale exceeds 5 % of "
      "samples trained, or if nan or schema rises at all.",
      {{"reason", reason}});
}

PromptSourceMetrics PromptSourceMetrics::make(prometheus::Registry& registry,
                                              const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .leases_active =
          make.gauge("leases_active",
                     "Work items out with workers. Worry if 0 while prompts are left: every worker "
                     "is gone or refused."),
      .leases_issued = make.counter(
          "leases_issued_total",
          "Work items given out, re-issues included. Worry if it stops while a stage runs."),
      .leases_expired = make.counter(
          "leases_expired_total",
          "Leases that came back by timeout. Worry if it rises while no worker was killed."),
      .prompts_quarantined = make.counter(
          "prompts_quarantined_total",
          "Prompts given up after repeated failed leases. Worry above 1 % of the prompts."),
      .admission_blocked_seconds = make.counter(
          "admission_blocked_seconds_total",
          "Seconds in which the staleness bound held back new work. Worry if it rises by more than "
          "0.5 a second: the learner is the bottleneck, rollouts idle."),
  };
}

EngineMetrics EngineMetrics::make(prometheus::Registry& registry,
                                  const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .prefill_tokens = make.counter(
          "engine_prefill_tokens_total",
          "Prompt tokens computed, cached prefixes not counted. Worry if far above the decoded "
          "tokens: prefixes are not being shared."),
      .decode_tokens =
          make.counter("engine_decode_tokens_total",
                       "Tokens decoded. Worry if the rate halves at the same batch size."),
      .prefix_lookup_tokens = make.counter(
          "prefix_cache_lookup_tokens_total",
          "Prompt tokens looked up in the prefix cache. Worry if it stops while prompts come in."),
      .prefix_hit_tokens = make.counter(
          "prefix_cache_hit_tokens_total",
          "Prompt tokens read from the prefix cache. Worry below half of those looked up in the "
          "critique stage: rollout.prefix_cache_mib is too small for the shared examples."),
      .running_sequences =
          make.gauge("engine_running_sequences",
                     "Sequences in the decode batch. Worry if 1 for long: batching gains nothing."),
      .kv_cache_bytes = make.gauge(
          "kv_cache_bytes",
          "Keys and values in use, cached prefixes among them. Worry if it grows past "
          "rollout.prefix_cache_mib and what rollout.batch sequences of models.max_context take."),
  };
}

prometheus::Gauge& packed_weight_bytes(Maker& make, std::string_view model) {
  return make.gauge("packed_weight_bytes",
                    "Weights packed for generation, a copy for each model. Worry if the sum of a "
                    "process exceeds its models' sizes together: versions are kept too long.",
                    {{"model", std::string(model)}});
}

RolloutMetrics RolloutMetrics::make(prometheus::Registry& registry,
                                    const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .engine = EngineMetrics::make(registry, labels),
      .packed_policy_bytes = packed_weight_bytes(make, "policy"),
      .weights = WeightApplyMetrics::make(registry, labels, "policy"),
      .policy_version = make.gauge(
          "rollout_policy_version",
          "Policy version an actor samples from. Worry if one actor stays behind the others."),
      .response_tokens = make.histogram(
          "response_tokens",
          "Length of responses. Worry if it collapses or piles up at the limit: both are ways to "
          "game the reward.",
          kTokens),
      .eos_missing = make.counter(
          "eos_missing_total",
          "Responses cut by the token limit before an end token. Worry above 5 % of responses."),
      .critiques =
          make.counter("critique_total", "Critiques written. Worry if 0 in the SL-CAI stage."),
      .revision_changed_ratio = make.measured(
          "revision_changed_ratio",
          "Share of revisions that differ from the answer they revise. Worry below 0.5: the model "
          "repeats itself and SL-CAI learns nothing."),
  };
}

FeedbackMetrics FeedbackMetrics::make(prometheus::Registry& registry,
                                      const prometheus::Labels& labels,
                                      std::span<const std::string> principle_ids) {
  Maker make(registry, labels);
  return {
      .engine = EngineMetrics::make(registry, labels),
      .requests_ok = feedback_requests(make, "ok"),
      .requests_undecided = feedback_requests(make, "undecided"),
      .requests_error = feedback_requests(make, "error"),
      .latency_seconds = make.histogram(
          "feedback_latency_seconds",
          "Time from pair to label. Worry if it rises for hours: the judge holds up the phase.",
          kLatencySeconds),
      .confidence = make.histogram(
          "feedback_confidence",
          "max(p, 1 - p) of soft labels. Worry if nearly all lie below 0.55 (the judge guesses) or "
          "above 0.99 (labels want clamping).",
          kConfidence),
      .position_flip_ratio =
          make.measured("feedback_position_flip_ratio",
                        "Share of pairs whose verdict changes when the two answers swap places."),
      .principle_used = LabelledCounters(
          make, "principle_used_total",
          "Labels and critiques by principle of the constitution. Worry if one is never drawn.",
          "principle", principle_ids),
  };
}

RewardMetrics RewardMetrics::make(prometheus::Registry& registry,
                                  const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .weights = WeightApplyMetrics::make(registry, labels, "pm"),
      .pm_score = make.histogram(
          "pm_score",
          "Raw preference model scores of trajectories. Worry if they run away in one direction "
          "while held-out evaluation does not improve: reward hacking.",
          kScores),
      .pm_version = make.gauge(
          "reward_pm_version",
          "PM version an actor scores with. Worry if it stays behind charter_pm_version."),
      .dropped_schema = dropped(make, "schema"),
  };
}

ReplayMetrics ReplayMetrics::make(prometheus::Registry& registry,
                                  const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .staleness_bound_versions = make.gauge(
          "staleness_bound_versions",
          "Largest staleness a sample may have when trained on. Worry if it is not what you set."),
      .sample_staleness_versions = make.histogram(
          "sample_staleness_versions",
          "Learner's version minus the oldest version in a sample, when it is trained on. Worry if "
          "the 0.99 quantile reaches the bound (rl.max_staleness).",
          kVersions),
      .trajectory_version_span = make.histogram(
          "trajectory_version_span",
          "Newest minus oldest policy version in one trajectory. Worry above 2: generation is slow "
          "against training.",
          kVersions),
      .dropped_stale = dropped(make, "stale"),
      .dropped_filter = dropped(make, "filter"),
      .dropped_nan = dropped(make, "nan"),
      .dropped_schema = dropped(make, "schema"),
  };
}

}  // namespace charter::metrics
