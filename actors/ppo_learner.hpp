// Trains the policy: on leased conversations in sl_train (SFT), on batches of scored trajectories
// in rl (PPO). One micro-batch a message. Each PPO version is published; at the end of its phase it
// leaves a merged model behind.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/compute_loop.hpp"
#include "actors/interfaces.hpp"
#include "actors/phase_models.hpp"
#include "actors/publish.hpp"
#include "actors/training_log.hpp"
#include "actors/work.hpp"
#include "metrics/metrics.hpp"
#include "model/train_step.hpp"
#include "rl/ppo_trainer.hpp"

namespace charter::actors {

struct LearnerOptions {
  int32_t threads = 1;
  bool ppo = false;    // rl; else sl_train
  std::string start;   // weights it starts from: base, sl_cai
  std::string result;  // weights it leaves: sl_cai, rl_cai
  int64_t batch = 8;
  int64_t max_tokens = 256;  // SFT: of a conversation
  model::AdamWOptions optimizer;
  rl::PpoOptions options;
  model::SftOptions sft;
  uint64_t seed = 0;
  std::filesystem::path checkpoints;
  int64_t checkpoint_every = 2;
  size_t keep_checkpoints = 2;
  SnapshotPlaces snapshots;
};

struct LearnerState {
  static constexpr const char* name = "ppo_learner";
  LearnerOptions options;
  std::shared_ptr<const PhaseModels> models;
  std::shared_ptr<const LoadedModel> base;
  std::optional<model::SftTrainer> sft;
  std::optional<rl::PpoTrainer> ppo;
  Ports ports;
  WorkClient work;
  Outbox published;
  TrainingLog log;
  struct WaitingExample {
    int64_t work_id = 0;
    model::SftExample example;
    bool cut = false;  // longer than max_tokens: lost its beginning
  };
  std::deque<WaitingExample> examples;  // leased, not yet in a batch
  int64_t cut_in_batch = 0;
  std::vector<int64_t> in_batch;    // their work ids
  std::deque<From<Batch>> batches;  // PPO: waiting; the front one is under way while busy
  ComputeLoop loop;
  bool finishing = false, finish_checkpoint = true, finish_result = false;
  int64_t lineage = 0;
};

LearnerActor::behavior_type ppo_learner(LearnerActor::stateful_pointer<LearnerState> self,
                                        Wiring wiring, std::shared_ptr<const PhaseModels> models,
                                        LearnerOptions options, metrics::LearnerMetrics metrics,
                                        metrics::CheckpointMetrics checkpoint_metrics,
                                        metrics::StageMetrics stage);

}  // namespace charter::actors
