// Every role's metrics on one registry, as a run of one process would have them.
#pragma once

#include <string>
#include <vector>

#include "metrics/metrics.hpp"

namespace charter::metrics {

struct AllMetrics {
  static inline const std::vector<std::string> kTypes = {"trajectory", "scored", "batch"};
  static inline const std::vector<std::string> kPrinciples = {"honest", "harmless"};

  AllMetrics(prometheus::Registry& registry, const prometheus::Labels& labels)
      : prompt_source(PromptSourceMetrics::make(registry, labels)),
        rollout(RolloutMetrics::make(registry, labels)),
        feedback(FeedbackMetrics::make(registry, labels, kPrinciples)),
        reward(RewardMetrics::make(registry, labels)),
        replay(ReplayMetrics::make(registry, labels)),
        learner(LearnerMetrics::make(registry, labels)),
        limits(LimitMetrics::make(registry, labels)),
        pm_trainer(PmTrainerMetrics::make(registry, labels)),
        link(LinkMetrics::make(registry, labels, "trajectory", kTypes)),
        queue(QueueMetrics::make(registry, labels, "replay")),
        weights(WeightStoreMetrics::make(registry, labels, "policy")),
        ledger(LedgerMetrics::make(registry, labels)),
        checkpoint(CheckpointMetrics::make(registry, labels)),
        supervisor(SupervisorMetrics::make(registry, labels, "rollout")) {
    for (const char* stage : {"rollout", "feedback", "reward", "pm_train", "ppo"}) {
      stages.push_back(StageMetrics::make(registry, labels, stage));
    }
  }

  PromptSourceMetrics prompt_source;
  RolloutMetrics rollout;
  FeedbackMetrics feedback;
  RewardMetrics reward;
  ReplayMetrics replay;
  LearnerMetrics learner;
  LimitMetrics limits;
  PmTrainerMetrics pm_trainer;
  LinkMetrics link;
  QueueMetrics queue;
  WeightStoreMetrics weights;
  LedgerMetrics ledger;
  CheckpointMetrics checkpoint;
  SupervisorMetrics supervisor;
  std::vector<StageMetrics> stages;
};

}  // namespace charter::metrics
