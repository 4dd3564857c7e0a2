// Judges pairs: turns each into scoring requests for the judge's engine, the scores into a soft
// label, and the label into a record and, while the PM is online, a preference for its trainer.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/compute_loop.hpp"
#include "actors/engine_meter.hpp"
#include "actors/interfaces.hpp"
#include "actors/phase_models.hpp"
#include "actors/ports.hpp"
#include "actors/work.hpp"
#include "actors/work_client.hpp"
#include "feedback/judge.hpp"
#include "metrics/metrics.hpp"
#include "model/engine.hpp"

namespace charter::actors {

struct FeedbackOptions {
  int32_t index = 0;
  int32_t threads = 1;
  std::vector<std::string> kinds;                    // work it takes itself: judge
  bool serves_pairs = false;                         // binds its server of the pair arrow
  bool online = false;                               // sends preferences to the PM trainer
  std::shared_ptr<const model::PackedModel> packed;  // the judge
  model::EngineOptions engine;
  uint64_t seed = 0;
  std::string method;  // of pairs' labels
  int32_t held_out_principles =
      4;  // the last so many label nothing; the evaluation's judge draws from them
  double contrast_scale = 4, clamp = 0;
  int64_t max_context = 2048;
  std::shared_ptr<const feedback::Constitution> constitution;
  std::shared_ptr<const std::vector<feedback::FeedbackExample>> examples;
};

// One pair under judgement.
struct Judgement {
  PreferenceRecord record;
  bool is_pair = false;  // came over the pair arrow, acknowledged there
  const feedback::Judge* judge = nullptr;
  const feedback::FeedbackPrinciple* principle = nullptr;
  std::vector<double> sums;
  std::vector<int64_t> counts;
  size_t open = 0;  // requests without a score
  std::chrono::steady_clock::time_point started;
};

struct FeedbackState {
  static constexpr const char* name = "feedback";
  FeedbackOptions options;
  std::shared_ptr<const LoadedModel> loaded;
  std::optional<model::Engine> engine;
  std::map<std::string, std::unique_ptr<feedback::Judge>> judges;  // by method
  Ports ports;
  WorkClient work;
  Outbox preferences;
  transport::LinkId pair_link = 0;
  std::map<int64_t, Judgement> judging;  // by work id
  std::map<int64_t, std::pair<Peer, uint64_t>>
      unacknowledged;                    // pairs whose record is not committed yet
  std::map<int64_t, Record> unrecorded;  // whose preference the PM trainer does not have yet
  std::map<uint64_t, std::pair<int64_t, size_t>> requests;  // engine request -> work id, number
  uint64_t next_request = 1;
  ComputeLoop loop;
  int64_t flips = 0, flips_measured = 0;
  EngineMeter meter;
};

FeedbackActor::behavior_type feedback_actor(FeedbackActor::stateful_pointer<FeedbackState> self,
                                            Wiring wiring,
                                            std::shared_ptr<const PhaseModels> models,
                                            FeedbackOptions options,
                                            metrics::FeedbackMetrics metrics,
                                            metrics::StageMetrics stage);

}  // namespace charter::actors
