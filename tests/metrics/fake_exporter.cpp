// Serves every metric with made-up moving values, so that the dashboard's queries and the alert
// rules can be checked against the names and labels the code registers. It says nothing about a
// real run. Usage: fake_exporter TARGETS_FILE SECONDS
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "metrics/exposer.hpp"
#include "tests/metrics/all_metrics.hpp"

namespace {

using charter::metrics::AllMetrics;

// Counters rise by one, gauges follow a slow wave, histograms get one observation.
void move_values(AllMetrics& all, double seconds) {
  const double wave = 0.5 + 0.4 * std::sin(seconds);
  for (auto* gauge : {&all.learner.batch.reward_mean,
                      &all.learner.batch.reward_std,
                      &all.learner.batch.rlhf_reward,
                      &all.learner.batch.kl_to_ref_k1,
                      &all.learner.batch.kl_to_ref_k3,
                      &all.learner.batch.kl_coef,
                      &all.learner.batch.truncated_ratio,
                      &all.learner.batch.response_tokens,
                      &all.learner.importance.weight_mean,
                      &all.learner.importance.clip_ratio,
                      &all.learner.importance.ess_ratio,
                      &all.learner.importance.mismatch_kl,
                      &all.learner.importance.logprob_abs_diff,
                      &all.learner.ppo.policy_loss,
                      &all.learner.ppo.value_loss,
                      &all.learner.ppo.entropy,
                      &all.learner.ppo.approx_kl,
                      &all.learner.ppo.clip_ratio,
                      &all.learner.ppo.value_clip_ratio,
                      &all.learner.ppo.explained_variance,
                      &all.learner.ppo.grad_norm,
                      &all.learner.ppo.learning_rate,
                      &all.learner.ppo.advantage_mean,
                      &all.learner.ppo.advantage_std,
                      &all.learner.ppo.value_mean,
                      &all.pm_trainer.loss,
                      &all.pm_trainer.accuracy_train,
                      &all.pm_trainer.accuracy_held_out,
                      &all.pm_trainer.margin,
                      &all.pm_trainer.ece_ratio,
                      &all.pm_trainer.brier,
                      &all.pm_trainer.label_entropy,
                      &all.pm_trainer.score_drift,
                      &all.pm_trainer.held_out_pairs,
                      &all.feedback.position_flip_ratio,
                      &all.rollout.revision_changed_ratio,
                      &all.supervisor.heartbeat_age_seconds,
                      &all.link.credits_available}) {
    gauge->Set(wave);
  }
  for (const auto& [id, gauge] : all.limits.exceeded) gauge->Set(wave > 0.8 ? 1 : 0);
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  all.learner.last_step_timestamp_seconds.Set(now.count());
  all.checkpoint.last_success_timestamp_seconds.Set(now.count());
  for (auto* gauge :
       {&all.learner.policy_version, &all.learner.learner_step, &all.rollout.policy_version,
        &all.pm_trainer.pm_version, &all.reward.pm_version}) {
    gauge->Set(std::floor(seconds));
  }
  all.queue.capacity.Set(64);
  for (auto& stage : all.stages) {
    for (auto* counter : {&stage.busy_seconds, &stage.wait_in_seconds, &stage.wait_out_seconds,
                          &stage.paused_seconds, &stage.prompt_tokens, &stage.generated_tokens}) {
      counter->Increment(0.05);
    }
  }
  for (auto* counter :
       {&all.learner.samples_trained, &all.feedback.requests_ok, &all.rollout.critiques,
        &all.rollout.engine.prefix_hit_tokens, &all.rollout.engine.prefix_lookup_tokens,
        &all.rollout.engine.decode_tokens, &all.rollout.engine.prefill_tokens, &all.link.sent_bytes,
        &all.link.received_bytes, &all.ledger.rows, &all.prompt_source.leases_issued,
        &all.feedback.principle_used["honest"], &all.link.sent["trajectory"],
        &all.link.received["trajectory"]}) {
    counter->Increment();
  }
  for (auto* histogram :
       {&all.rollout.response_tokens, &all.feedback.latency_seconds, &all.feedback.confidence,
        &all.reward.pm_score, &all.replay.sample_staleness_versions,
        &all.replay.trajectory_version_span, &all.learner.weights.seconds,
        &all.rollout.weights.seconds, &all.ledger.commit_seconds,
        &all.checkpoint.duration_seconds}) {
    histogram->Observe(wave);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: fake_exporter TARGETS_FILE SECONDS\n";
    return 2;
  }
  auto registry = std::make_shared<prometheus::Registry>();
  AllMetrics all(*registry, {{"run", "fake"}, {"actor", "all"}});
  const charter::metrics::Exposer exposer("127.0.0.1:0", registry,
                                          {{"run", "fake"}, {"process", "fake"}});
  charter::metrics::write_targets(argv[1], {{exposer.address(), "fake"}});
  const auto start = std::chrono::steady_clock::now();
  for (double seconds = 0; seconds < std::atof(argv[2]);) {
    move_values(all, seconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}
