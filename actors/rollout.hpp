// Generates. Owns an engine; takes work items, runs them as jobs of one or more requests, and
// passes on what they make: records to the ledger, pairs to feedback, trajectories to reward. One
// engine step a message, so that new weights, leases and probes are answered between steps.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/compute_loop.hpp"
#include "actors/engine_meter.hpp"
#include "actors/interfaces.hpp"
#include "actors/phase_models.hpp"
#include "actors/policy_weights.hpp"
#include "actors/ports.hpp"
#include "actors/publish.hpp"
#include "actors/weights_client.hpp"
#include "actors/work.hpp"
#include "actors/work_client.hpp"
#include "feedback/critique.hpp"
#include "metrics/metrics.hpp"
#include "model/engine.hpp"

namespace charter::actors {

struct RolloutOptions {
  int32_t index = 0;
  int32_t threads = 1;
  std::string model;    // weights it starts with
  PackedModels packed;  // these, and those of every snapshot that work may name
  std::vector<std::string> kinds;
  int32_t rewards = 0, feedbacks = 0;  // servers of the trajectory and pair arrows to connect to
  bool follows_policy = false;         // waits for, and follows, the policy's published versions
  SnapshotPlaces snapshots;            // where they lie
  model::EngineOptions engine;
  model::Precision precision = model::Precision::kFloat32;
  int32_t max_new_tokens = 64;
  double temperature = 1.0;
  uint64_t seed = 0;
  int64_t max_context = 2048;
  int64_t fewshot_max_tokens = 600;
  std::shared_ptr<const feedback::Constitution> constitution;
  std::shared_ptr<const std::vector<feedback::CritiqueExample>> critique_examples;
};

struct RolloutJob {
  int64_t work_id = 0;
  std::string kind;
  PromptWork work;
  std::optional<feedback::CritiqueChain> chain;
  std::vector<std::optional<model::Completion>> parts;  // by part number
  int64_t tokens = 0;
};

struct RolloutState {
  static constexpr const char* name = "rollout";
  RolloutOptions options;
  std::shared_ptr<const PhaseModels> models;
  std::shared_ptr<const LoadedModel> loaded;
  std::string model_name;
  std::optional<model::Engine> engine;
  PolicyWeights policy;  // where it follows the policy
  Ports ports;
  WorkClient work;
  WeightsClient weights;
  Outbox trajectories, pairs;
  std::map<int64_t, RolloutJob> jobs;
  std::map<uint64_t, std::pair<int64_t, size_t>> requests;  // engine request -> work id, part
  std::deque<WorkItem> early;                               // whose version has not arrived
  std::deque<RolloutJob> deferred;  // of another snapshot: begun when the engine is idle
  uint64_t next_request = 1;
  ComputeLoop loop;
  bool ready = false;
  EngineMeter meter;
  int64_t revisions = 0, changed = 0;
};

RolloutActor::behavior_type rollout(RolloutActor::stateful_pointer<RolloutState> self,
                                    Wiring wiring, std::shared_ptr<const PhaseModels> models,
                                    RolloutOptions options, metrics::RolloutMetrics metrics,
                                    metrics::StageMetrics stage);

}  // namespace charter::actors
