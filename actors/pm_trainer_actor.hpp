// Trains the preference model: on leased pairs (scored answers, then preferences), or online on the
// feedback actors' preferences while RL goes on. One micro-batch a message.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/compute_loop.hpp"
#include "actors/interfaces.hpp"
#include "actors/phase_models.hpp"
#include "actors/publish.hpp"
#include "actors/training_log.hpp"
#include "actors/work.hpp"
#include "feedback/pm_trainer.hpp"
#include "metrics/metrics.hpp"

namespace charter::actors {

struct PmTrainerOptions {
  int32_t threads = 1;
  std::string model;               // pmp, pm, pm_online: names checkpoints and the ledger's rows
  std::vector<std::string> kinds;  // leased kinds
  bool online = false;             // serves the preference arrow, publishes its versions
  std::string start;               // snapshot under weights/; "" for pm_init with a new head
  std::string result;              // snapshot file to write at the end
  int64_t batch = 8, max_tokens = 96;
  model::AdamWOptions optimizer;
  feedback::PmOptions training;
  uint64_t seed = 0;
  std::filesystem::path checkpoints;
  int64_t checkpoint_every = 4;
  size_t keep_checkpoints = 2;
  SnapshotPlaces snapshots;
  // Held-out pairs, never trained on: the PM is measured on them, and online their scores keep the
  // scale of version 0.
  std::vector<ComparisonWork> probes;
};

struct PmTrainerState {
  static constexpr const char* name = "pm_trainer";
  struct Waiting {
    feedback::PreferencePair pair;
    int64_t cut = 0;  // of its two conversations: longer than max_tokens, lost their beginning
  };
  PmTrainerOptions options;
  std::shared_ptr<const PolicyText> text;
  std::optional<feedback::PmTrainer> trainer;
  std::vector<std::vector<int32_t>> probes;    // first and second of each pair in turn
  std::vector<bool> probe_first_better;        // of each pair
  double probe_mean = 0, probe_deviation = 1;  // of the starting model
  Ports ports;
  WorkClient work;
  Outbox published;
  TrainingLog log;
  std::deque<Waiting> queue;
  std::set<int64_t> seen;  // work ids taken: each pair is learned from once
  std::vector<int64_t> in_batch;
  int64_t cut_in_batch = 0;
  ComputeLoop loop;
  bool finishing = false, finish_checkpoint = true, finish_result = false;
  int64_t lineage = 0;
};

PmTrainerActor::behavior_type pm_trainer_actor(
    PmTrainerActor::stateful_pointer<PmTrainerState> self, Wiring wiring,
    std::shared_ptr<const PhaseModels> models, PmTrainerOptions options,
    metrics::PmTrainerMetrics metrics, metrics::CheckpointMetrics checkpoint_metrics,
    metrics::StageMetrics stage);

}  // namespace charter::actors
