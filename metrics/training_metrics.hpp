// The metrics of the two roles that train: ppo_learner and pm_trainer. Gauges hold the last batch's
// value; quantities.hpp has the units.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <map>
#include <string>

#include "metrics/limits.hpp"
#include "metrics/sampling_metrics.hpp"

namespace charter::metrics {

// What the batch looked like before the update.
struct BatchMetrics {
  prometheus::Gauge& reward_mean;
  prometheus::Gauge& reward_std;
  prometheus::Gauge& rlhf_reward;  // a response's score less kl_coef times its KL
  prometheus::Gauge& kl_to_ref_k1;
  prometheus::Gauge& kl_to_ref_k3;
  prometheus::Gauge& kl_coef;
  prometheus::Gauge& truncated_ratio;
  prometheus::Gauge& response_tokens;  // mean

  static BatchMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

// How far the behaviour policies are from the proximal one.
struct ImportanceMetrics {
  prometheus::Gauge& weight_mean;
  prometheus::Gauge& clip_ratio;
  prometheus::Gauge& ess_ratio;
  prometheus::Gauge& mismatch_kl;
  prometheus::Gauge& logprob_abs_diff;  // the batch's largest, at the same version

  static ImportanceMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

// The update itself.
struct PpoMetrics {
  prometheus::Gauge& policy_loss;
  prometheus::Gauge& value_loss;
  prometheus::Gauge& entropy;
  prometheus::Gauge& approx_kl;
  prometheus::Gauge& clip_ratio;
  prometheus::Gauge& value_clip_ratio;
  prometheus::Gauge& explained_variance;
  prometheus::Gauge& grad_norm;
  prometheus::Gauge& learning_rate;
  prometheus::Gauge& advantage_mean;
  prometheus::Gauge& advantage_std;
  prometheus::Gauge& value_mean;

  static PpoMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

struct LearnerMetrics {
  prometheus::Gauge& learner_step;                 // optimizer steps
  prometheus::Gauge& policy_version;               // batches consumed
  prometheus::Gauge& last_step_timestamp_seconds;  // Unix time; set to NaN when the stage ends
  prometheus::Counter& samples_trained;
  BatchMetrics batch;
  ImportanceMetrics importance;
  PpoMetrics ppo;
  WeightPublishMetrics weights;
  prometheus::Counter& dropped_schema;  // trajectories of a batch that cannot be trained on

  static LearnerMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

// The limits that the run looks at: 1 exceeded, 0 within, NaN before the first value.
struct LimitMetrics {
  std::map<std::string, prometheus::Gauge*> exceeded;  // by the limit's id

  static LimitMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
  void show(const LimitState& state) const;
};

struct PmTrainerMetrics {
  prometheus::Gauge& pm_version;
  prometheus::Gauge& loss;
  prometheus::Gauge& accuracy_train;
  prometheus::Gauge& accuracy_held_out;
  prometheus::Gauge& margin;  // in scores, over the batch's pairs that have a likelier side
  prometheus::Gauge& ece_ratio;
  prometheus::Gauge& brier;
  prometheus::Gauge& label_entropy;  // log 2 = 0.693 is a judge that knows nothing
  prometheus::Gauge& score_drift;
  prometheus::Gauge& held_out_pairs;  // that accuracy_held_out, ece_ratio and brier are measured on
  WeightPublishMetrics weights;
  prometheus::Counter& dropped_schema;  // pairs that cannot be trained on

  static PmTrainerMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

}  // namespace charter::metrics
