// What the learner tells of a version: as JSON for the ledger and as metrics.
#pragma once
#include <string>

#include "metrics/metrics.hpp"
#include "model/train_step.hpp"
#include "rl/ppo_trainer.hpp"

namespace charter::actors {

[[nodiscard]] std::string to_json(const model::SftStats& stats, int64_t cut = 0);
// versions: the oldest policy version of each trajectory in the batch.
[[nodiscard]] std::string to_json(const rl::PpoStats& stats, const std::vector<int64_t>& versions,
                                  double pm_version);
void show(const rl::PpoStats& stats, double kl_coef, const metrics::LearnerMetrics& metrics);
void show(const model::SftStats& stats, const metrics::LearnerMetrics& metrics);

}  // namespace charter::actors
