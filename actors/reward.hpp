// Scores: trajectories with the preference model and the frozen reference, comparisons with the
// preference model, and prompts' activations for the firewall. Everything in training precision,
// with the transformer's packed pass.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/compute_loop.hpp"
#include "actors/interfaces.hpp"
#include "actors/phase_models.hpp"
#include "actors/ports.hpp"
#include "actors/publish.hpp"
#include "actors/weights_client.hpp"
#include "actors/work.hpp"
#include "actors/work_client.hpp"
#include "feedback/preference_model.hpp"
#include "metrics/metrics.hpp"
#include "model/engine.hpp"

namespace charter::actors {

struct RewardOptions {
  int32_t index = 0;
  int32_t threads = 1;
  std::vector<std::string> kinds;    // score, activation
  bool serves_trajectories = false;  // binds its server of the trajectory arrow
  bool has_pm = false;
  bool follows_pm = false;   // online PM: waits for, and follows, its published versions
  SnapshotPlaces snapshots;  // where they lie
  std::string
      reference;  // weights of the reference, and of the firewall's activations; "" for none
  int64_t batch_tokens = 768;     // scored in one slice
  int64_t max_tokens = 96;        // of one side of a comparison
  int32_t activation_stride = 3;  // every third layer, counted from the last
};

struct RewardState {
  static constexpr const char* name = "reward";
  RewardOptions options;
  std::shared_ptr<const PhaseModels> models;
  std::shared_ptr<const LoadedModel> reference;
  std::optional<feedback::PreferenceModel> pm;
  feedback::AffineMap pm_map;
  model::WeightVersion pm_version{-1, -1};
  Ports ports;
  WorkClient work;
  Outbox scored;
  WeightsClient weights;
  transport::LinkId trajectory_link = 0;
  std::deque<From<rl::Trajectory>> trajectories;
  std::deque<WorkItem> items;
  // Trajectories the replay buffer does not own yet; two of one work id when its lease was issued
  // again.
  std::multimap<int64_t, std::pair<Peer, uint64_t>> unacknowledged;
  ComputeLoop loop;
};

RewardActor::behavior_type reward(RewardActor::stateful_pointer<RewardState> self, Wiring wiring,
                                  std::shared_ptr<const PhaseModels> models, RewardOptions options,
                                  metrics::RewardMetrics metrics, metrics::StageMetrics stage);

}  // namespace charter::actors
