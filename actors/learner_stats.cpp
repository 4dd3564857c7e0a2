#include "actors/learner_stats.hpp"

#include <nlohmann/json.hpp>

namespace charter::actors {

std::string to_json(const model::SftStats& s, int64_t cut) {
  return nlohmann::json{{"examples", s.examples},
                        {"tokens", s.tokens},
                        {"loss_tokens", s.loss_tokens},
                        {"loss", s.loss},
                        {"grad_norm", s.grad_norm},
                        {"learning_rate", s.learning_rate},
                        {"cut", cut}}
      .dump();
}

std::string to_json(const rl::PpoStats& s, const std::vector<int64_t>& versions,
                    double pm_version) {
  return nlohmann::json{{"samples", s.samples},
                        {"tokens", s.tokens},
                        {"reward_mean", s.reward_mean},
                        {"reward_std", s.reward_std},
                        {"rlhf_reward_mean", s.rlhf_reward_mean},
                        {"kl_k1", s.kl_k1},
                        {"kl_k3", s.kl_k3},
                        {"policy_loss", s.policy_loss},
                        {"value_loss", s.value_loss},
                        {"entropy", s.entropy},
                        {"approx_kl", s.approx_kl},
                        {"clip_ratio", s.clip_ratio},
                        {"value_clip_ratio", s.value_clip_ratio},
                        {"explained_variance", s.explained_variance},
                        {"grad_norm", s.grad_norm},
                        {"learning_rate", s.learning_rate},
                        {"importance_mean", s.importance_mean},
                        {"importance_ess_ratio", s.importance_ess_ratio},
                        {"mismatch_kl", s.mismatch_kl},
                        {"logprob_abs_diff_max", s.logprob_abs_diff_max},
                        {"ref_match_max", s.ref_match_max},
                        {"staleness_mean", s.staleness_mean},
                        {"staleness_max", s.staleness_max},
                        {"response_tokens_mean", s.response_tokens_mean},
                        {"finished_ratio", s.finished_ratio},
                        {"truncated_ratio", 1 - s.finished_ratio},
                        {"pm_version", pm_version},
                        {"rollout_versions", versions}}
      .dump();
}

void show(const model::SftStats& s, const metrics::LearnerMetrics& m) {
  m.learner_step.Set(static_cast<double>(s.version));
  m.last_step_timestamp_seconds.SetToCurrentTime();
  m.samples_trained.Increment(static_cast<double>(s.examples));
  m.ppo.policy_loss.Set(s.loss);
  m.ppo.grad_norm.Set(s.grad_norm);
  m.ppo.learning_rate.Set(s.learning_rate);
}

void show(const rl::PpoStats& s, double kl_coef, const metrics::LearnerMetrics& m) {
  m.learner_step.Set(static_cast<double>(s.version));
  m.policy_version.Set(static_cast<double>(s.version));
  m.last_step_timestamp_seconds.SetToCurrentTime();
  m.samples_trained.Increment(static_cast<double>(s.samples));
  m.batch.reward_mean.Set(s.reward_mean);
  m.batch.reward_std.Set(s.reward_std);
  m.batch.rlhf_reward.Set(s.rlhf_reward_mean);
  m.batch.kl_to_ref_k1.Set(s.kl_k1);
  m.batch.kl_to_ref_k3.Set(s.kl_k3);
  m.batch.kl_coef.Set(kl_coef);
  m.batch.truncated_ratio.Set(1 - s.finished_ratio);
  m.batch.response_tokens.Set(s.response_tokens_mean);
  m.importance.weight_mean.Set(s.importance_mean);
  m.importance.clip_ratio.Set(s.importance_clip_ratio);
  m.importance.ess_ratio.Set(s.importance_ess_ratio);
  m.importance.mismatch_kl.Set(s.mismatch_kl);
  m.importance.logprob_abs_diff.Set(s.logprob_abs_diff_max);
  m.ppo.policy_loss.Set(s.policy_loss);
  m.ppo.value_loss.Set(s.value_loss);
  m.ppo.entropy.Set(s.entropy);
  m.ppo.approx_kl.Set(s.approx_kl);
  m.ppo.clip_ratio.Set(s.clip_ratio);
  m.ppo.value_clip_ratio.Set(s.value_clip_ratio);
  m.ppo.explained_variance.Set(s.explained_variance);
  m.ppo.grad_norm.Set(s.grad_norm);
  m.ppo.learning_rate.Set(s.learning_rate);
  m.ppo.advantage_mean.Set(s.advantage_mean);
  m.ppo.advantage_std.Set(s.advantage_std);
  m.ppo.value_mean.Set(s.value_mean);
}

}  // namespace charter::actors
