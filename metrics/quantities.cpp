#include "metrics/quantities.hpp"

#include <stdexcept>
#include <string>

namespace charter::metrics {
namespace {

using enum Unit;

constexpr Quantity kQuantities[] = {
    // The policy's versions.
    {"reward_mean", "policy", "reward_mean", kNumber},
    {"reward_std", "policy", "reward_std", kNumber},
    {"rlhf_reward", "policy", "rlhf_reward_mean", kNumber},
    {"kl_to_ref", "policy", "kl_k1", kNatsPerResponse},
    {"kl_to_ref", "policy", "kl_k3", kNatsPerResponse},
    {"kl_coef", "", "", kNumber},
    {"truncated_ratio", "policy", "truncated_ratio", kRatio},
    {"", "policy", "finished_ratio", kRatio},
    {"batch_response_tokens", "policy", "response_tokens_mean", kTokens},
    {"is_weight_mean", "policy", "importance_mean", kNumber},
    {"is_clip_ratio", "", "", kRatio},
    {"is_ess_ratio", "policy", "importance_ess_ratio", kRatio},
    {"mismatch_kl", "policy", "mismatch_kl", kNatsPerToken},
    {"logprob_abs_diff", "policy", "logprob_abs_diff_max", kNats},
    {"policy_loss", "policy", "policy_loss", kNumber},
    {"value_loss", "policy", "value_loss", kNumber},
    {"entropy", "policy", "entropy", kNatsPerToken},
    {"approx_kl", "policy", "approx_kl", kNatsPerToken},
    {"clip_ratio", "policy", "clip_ratio", kRatio},
    {"value_clip_ratio", "policy", "value_clip_ratio", kRatio},
    {"explained_variance", "policy", "explained_variance", kNumber},
    {"grad_norm", "policy", "grad_norm", kNumber},
    {"learning_rate", "policy", "learning_rate", kNumber},
    {"advantage_mean", "", "", kNumber},
    {"advantage_std", "", "", kNumber},
    {"value_mean", "", "", kNumber},
    {"", "policy", "staleness_mean", kVersions},
    {"", "policy", "staleness_max", kVersions},
    {"learner_step", "", "", kNumber},
    {"policy_version", "", "", kNumber},
    {"last_step_timestamp_seconds", "", "", kUnixSeconds},
    {"samples_trained_total", "", "", kNumber},
    {"limit_exceeded", "", "", kNumber},
    // SL's and the preference model's versions.
    {"", "sl", "loss", kNatsPerToken},
    {"pm_version", "", "", kNumber},
    {"pm_loss", "pm", "loss", kNatsPerPair},
    {"pm_accuracy", "pm", "accuracy", kRatio},
    {"pm_margin", "pm", "margin", kNumber},
    {"pm_ece_ratio", "", "", kRatio},
    {"pm_brier", "", "", kNumber},
    {"pm_label_entropy", "pm", "label_entropy", kNatsPerPair},
    {"pm_score_drift", "", "", kDeviations},
    {"pm_held_out_pairs", "", "", kNumber},
    // Data and scores on their way.
    {"leases_active", "", "", kNumber},
    {"leases_issued_total", "", "", kNumber},
    {"leases_expired_total", "", "", kNumber},
    {"prompts_quarantined_total", "", "", kNumber},
    {"admission_blocked_seconds_total", "", "", kSeconds},
    {"engine_prefill_tokens_total", "", "", kTokens},
    {"engine_decode_tokens_total", "", "", kTokens},
    {"prefix_cache_lookup_tokens_total", "", "", kTokens},
    {"prefix_cache_hit_tokens_total", "", "", kTokens},
    {"engine_running_sequences", "", "", kNumber},
    {"kv_cache_bytes", "", "", kBytes},
    {"packed_weight_bytes", "", "", kBytes},
    {"rollout_policy_version", "", "", kNumber},
    {"response_tokens", "", "", kTokens},
    {"eos_missing_total", "", "", kNumber},
    {"critique_total", "", "", kNumber},
    {"revision_changed_ratio", "", "", kRatio},
    {"feedback_requests_total", "", "", kNumber},
    {"feedback_latency_seconds", "", "", kSeconds},
    {"feedback_confidence", "", "", kRatio},
    {"feedback_position_flip_ratio", "", "", kRatio},
    {"principle_used_total", "", "", kNumber},
    {"pm_score", "", "", kNumber},
    {"reward_pm_version", "", "", kNumber},
    {"staleness_bound_versions", "", "", kVersions},
    {"sample_staleness_versions", "", "", kVersions},
    {"trajectory_version_span", "", "", kVersions},
    {"dropped_total", "", "", kNumber},
    // The plumbing.
    {"stage_busy_seconds_total", "", "", kSeconds},
    {"tokens_total", "", "", kTokens},
    {"msgs_total", "", "", kNumber},
    {"msg_bytes_total", "", "", kBytes},
    {"msg_decode_errors_total", "", "", kNumber},
    {"connections_refused_total", "", "", kNumber},
    {"retries_total", "", "", kNumber},
    {"credits_available", "", "", kNumber},
    {"queue_depth", "", "", kNumber},
    {"queue_capacity", "", "", kNumber},
    {"queue_oldest_age_seconds", "", "", kSeconds},
    {"weights_publish_seconds", "", "", kSeconds},
    {"weights_bytes", "", "", kBytes},
    {"weights_apply_seconds", "", "", kSeconds},
    {"weights_version_lag", "", "", kVersions},
    {"weights_checksum_failures_total", "", "", kNumber},
    {"ledger_commit_seconds", "", "", kSeconds},
    {"ledger_rows_total", "", "", kNumber},
    {"ledger_duplicates_total", "", "", kNumber},
    {"checkpoint_duration_seconds", "", "", kSeconds},
    {"checkpoint_last_success_timestamp_seconds", "", "", kUnixSeconds},
    {"resume_total", "", "", kNumber},
    {"actor_restarts_total", "", "", kNumber},
    {"actors_alive", "", "", kNumber},
    {"heartbeat_age_seconds", "", "", kSeconds},
    {"process_resident_memory_bytes", "", "", kBytes},
    {"process_pss_bytes", "", "", kBytes},
    {"process_open_fds", "", "", kNumber},
    {"process_cpu_seconds_total", "", "", kSeconds},
};

}  // namespace

std::string_view text(Unit unit) {
  switch (unit) {
    case kNumber:
    case kRatio:
      return "";
    case kNats:
      return "nats";
    case kNatsPerToken:
      return "nats/token";
    case kNatsPerResponse:
      return "nats/response";
    case kNatsPerPair:
      return "nats/pair";
    case kDeviations:
      return "standard deviations";
    case kTokens:
      return "tokens";
    case kVersions:
      return "versions";
    case kSeconds:
      return "seconds";
    case kUnixSeconds:
      return "seconds since 1970";
    case kBytes:
      return "bytes";
  }
  return "";
}

std::string_view grafana(Unit unit) {
  switch (unit) {
    case kNumber:
      return "short";
    case kRatio:
      return "percentunit";
    case kNats:
      return "suffix: nats";
    case kNatsPerToken:
      return "suffix: nats/token";
    case kNatsPerResponse:
      return "suffix: nats/response";
    case kNatsPerPair:
      return "suffix: nats/pair";
    case kDeviations:
      return "suffix: standard deviations";
    case kTokens:
      return "suffix: tokens";
    case kVersions:
      return "suffix: versions";
    case kSeconds:
      return "s";
    case kUnixSeconds:
      return "dateTimeAsIso";
    case kBytes:
      return "bytes";
  }
  return "";
}

std::span<const Quantity> quantities() { return kQuantities; }

Unit unit_of_metric(std::string_view metric) {
  for (const Quantity& row : kQuantities)
    if (!row.metric.empty() && row.metric == metric) return row.unit;
  throw std::invalid_argument("metric: " + std::string(metric) +
                              ", expected one with a row in metrics/quantities.cpp");
}

Unit unit_of_stat(std::string_view model, std::string_view stat) {
  for (const Quantity& row : kQuantities)
    if (!row.stat.empty() && row.model == model && row.stat == stat) return row.unit;
  throw std::invalid_argument("stat: " + std::string(stat) + " of " + std::string(model) +
                              ", expected one with a row in metrics/quantities.cpp");
}

}  // namespace charter::metrics
