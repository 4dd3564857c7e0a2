// Holds scored trajectories between reward and learner; makes a batch when the learner has credit
// and enough are there. A trajectory is acknowledged to its reward actor once it is in the store:
// the ledger still lists its prompt as not trained, so that a restore brings it back.
#pragma once
#include <chrono>
#include <map>
#include <set>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/ports.hpp"
#include "metrics/metrics.hpp"
#include "rl/replay.hpp"

namespace charter::actors {

struct ReplayActorOptions {
  rl::ReplayOptions replay;
  int64_t batch = 8;  // trajectories
  int64_t lineage = 0;
  int64_t version = 0;  // of the policy at the start
};

struct ReplayActorState {
  static constexpr const char* name = "replay_buffer";
  ReplayActorState() : buffer(rl::ReplayOptions{}) {}
  ReplayActorOptions options;
  rl::ReplayBuffer buffer;
  Ports ports;
  Outbox returns;  // to the ledger
  transport::LinkId batch_link = 0, scored_link = 0;
  Peer learner;
  int64_t credit = 0;                // batches the learner takes
  std::map<uint64_t, int64_t> sent;  // batch sequence -> trajectories in it
  std::set<int64_t> taken;  // work ids of every batch sent: a second answer to one comes too late
  int64_t version = 0;
  std::map<int64_t, uint64_t> tickets;  // of what is in the store, or was
  // Work id -> when it arrived, of those in the store.
  std::map<int64_t, std::chrono::steady_clock::time_point> arrived;
  int64_t progress = 0;
};

ReplayActor::behavior_type replay_actor(ReplayActor::stateful_pointer<ReplayActorState> self,
                                        Wiring wiring, ReplayActorOptions options,
                                        metrics::ReplayMetrics metrics,
                                        metrics::QueueMetrics queue);

}  // namespace charter::actors
