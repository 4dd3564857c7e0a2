#include "metrics/training_metrics.hpp"

#include <cmath>

#include "metrics/maker.hpp"

namespace charter::metrics {

BatchMetrics BatchMetrics::make(prometheus::Registry& registry, const prometheus::Labels& labels) {
  Maker make(registry, labels);
  auto kl = [&](const char* estimator) -> prometheus::Gauge& {
    return make.measured(
        "kl_to_ref",
        "KL from the reference policy, summed over a response, by estimator. Worry if k1 is far "
        "below k3.",
        {{"estimator", estimator}});
  };
  return {
      .reward_mean = make.measured(
          "reward_mean",
          "Mean PM score of the batch, before the KL penalty. Worry if NaN, or rising while "
          "held-out evaluation falls."),
      .reward_std = make.measured(
          "reward_std",
          "Spread of the batch's PM scores. Worry near 0: nothing left to learn from."),
      .rlhf_reward = make.measured(
          "rlhf_reward",
          "Mean of PM score less the KL penalty: what PPO maximises. Worry if it falls while "
          "charter_reward_mean rises: the reward is bought with KL."),
      .kl_to_ref_k1 = kl("k1"),
      .kl_to_ref_k3 = kl("k3"),
      .kl_coef = make.measured(
          "kl_coef", "Weight of the KL penalty. Worry if it is 0 and charter_kl_to_ref grows."),
      .truncated_ratio = make.measured("truncated_ratio",
                                       "Share of the batch's responses cut by the token limit; "
                                       "short limits truncate by design."),
      .response_tokens =
          make.measured("batch_response_tokens", "Mean length of the batch's responses."),
  };
}

ImportanceMetrics ImportanceMetrics::make(prometheus::Registry& registry,
                                          const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .weight_mean =
          make.measured("is_weight_mean", "Mean importance weight proximal / behaviour."),
      .clip_ratio = make.measured("is_clip_ratio",
                                  "Share of tokens whose weight was truncated. Worry above 0.05."),
      .ess_ratio = make.measured("is_ess_ratio",
                                 "Effective sample size of the weights over the batch size."),
      .mismatch_kl = make.measured("mismatch_kl",
                                   "KL between engine and trainer log-probs at the same version."),
      .logprob_abs_diff = make.measured(
          "logprob_abs_diff",
          "Largest difference between engine and trainer log-probs of a token at the same version. "
          "Worry above 10 times its start: charter_mismatch_kl averages a few bad tokens away."),
  };
}

PpoMetrics PpoMetrics::make(prometheus::Registry& registry, const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .policy_loss =
          make.measured("policy_loss", "Clipped surrogate loss. Worry if NaN or beyond 1 in size."),
      .value_loss =
          make.measured("value_loss", "Value head loss. Worry if it grows over 20 updates."),
      .entropy = make.measured("entropy", "Policy entropy, mean over the batch's response tokens."),
      .approx_kl =
          make.measured("approx_kl", "KL of one update. Worry above 0.05: steps are too long."),
      .clip_ratio = make.measured(
          "clip_ratio", "Share of tokens on which PPO's clip is active. Worry above 0.3."),
      .value_clip_ratio = make.measured(
          "value_clip_ratio",
          "Share of tokens on which the value loss's clip is active. Worry above 0.3: the critic "
          "wants to move further than one update lets it."),
      .explained_variance = make.measured(
          "explained_variance",
          "1 - Var(returns - values) / Var(returns). Worry if below 0 after 20 updates."),
      .grad_norm = make.measured(
          "grad_norm", "Gradient norm before clipping. Worry if NaN or 10 times its median."),
      .learning_rate =
          make.measured("learning_rate", "Learning rate. Worry if it is not what you planned."),
      .advantage_mean = make.measured(
          "advantage_mean", "Mean advantage before normalisation. Worry if steadily far from 0."),
      .advantage_std = make.measured("advantage_std",
                                     "Spread of advantages before normalisation. Worry near 0."),
      .value_mean = make.measured("value_mean",
                                  "Mean value estimate. Worry if it does not follow the reward."),
  };
}

LearnerMetrics LearnerMetrics::make(prometheus::Registry& registry,
                                    const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .learner_step = make.gauge(
          "learner_step", "Optimizer steps of the learner. Worry if it stops in the rl stage."),
      .policy_version = make.gauge(
          "policy_version", "Batches consumed by the learner. Worry if it stops in the rl stage."),
      .last_step_timestamp_seconds = make.measured(
          "last_step_timestamp_seconds",
          "Unix time of the learner's last step. Worry if it is 10 minutes ago in the rl stage."),
      .samples_trained = make.counter(
          "samples_trained_total",
          "Trajectories trained on, reuse counted once. Worry if its rate is 0 in the rl stage."),
      .batch = BatchMetrics::make(registry, labels),
      .importance = ImportanceMetrics::make(registry, labels),
      .ppo = PpoMetrics::make(registry, labels),
      .weights = WeightPublishMetrics::make(registry, labels, "policy"),
      .dropped_schema = dropped(make, "schema"),
  };
}

PmTrainerMetrics PmTrainerMetrics::make(prometheus::Registry& registry,
                                        const prometheus::Labels& labels) {
  Maker make(registry, labels);
  auto accuracy = [&](const char* split) -> prometheus::Gauge& {
    return make.measured("pm_accuracy",
                         "Share of pairs the PM orders as labelled, by split. Worry if held_out is "
                         "not above 0.5, or train is 0.2 above held_out.",
                         {{"split", split}});
  };
  return {
      .pm_version = make.gauge("pm_version",
                               "PM snapshots published. Worry if it stops while the PM is online."),
      .loss =
          make.measured("pm_loss", "PM loss. Worry if it stays at 0.69: it has learnt nothing."),
      .accuracy_train = accuracy("train"),
      .accuracy_held_out = accuracy("held_out"),
      .margin = make.measured(
          "pm_margin",
          "Mean score of the likelier side less the other's on the batch's pairs. Worry if not "
          "above 0, or if it grows while held-out accuracy does not: it grows too sure."),
      .ece_ratio = make.measured("pm_ece_ratio",
                                 "Expected calibration error on held-out pairs. Worry above 0.1."),
      .brier = make.measured(
          "pm_brier", "Brier score on held-out pairs. Worry above 0.25: worse than always 0.5."),
      .label_entropy = make.measured(
          "pm_label_entropy",
          "Mean entropy of the soft labels. Worry near 0.69: the judge does not know."),
      .score_drift = make.measured(
          "pm_score_drift",
          "Mean score on the frozen probe set, less version 1's, in its standard deviations."),
      .held_out_pairs = make.measured(
          "pm_held_out_pairs",
          "Pairs the held-out measures rest on. Worry below 100 before believing them: the "
          "calibration error of n pairs is off by about 1 / sqrt(n)."),
      .weights = WeightPublishMetrics::make(registry, labels, "pm"),
      .dropped_schema = dropped(make, "schema"),
  };
}

LimitMetrics LimitMetrics::make(prometheus::Registry& registry, const prometheus::Labels& labels) {
  Maker make(registry, labels);
  LimitMetrics metrics;
  const LimitWatch watch;
  for (const LimitState& state : watch.states()) {
    const std::string id(state.limit->id);
    metrics.exceeded.emplace(
        id, &make.measured("limit_exceeded",
                           "1 while a limit of the policy's versions is exceeded, by limit. Worry "
                           "if it is 1: the ledger's event says why and what to look at.",
                           {{"limit", id}}));
  }
  return metrics;
}

void LimitMetrics::show(const LimitState& state) const {
  if (std::isnan(state.value)) return;
  exceeded.at(std::string(state.limit->id))->Set(state.exceeded ? 1 : 0);
}

}  // namespace charter::metrics
