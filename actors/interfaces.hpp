// Every actor's typed handle, and the messages that stay inside a process: between an actor, its
// link ends and its supervisor. Between roles only actors/messages.hpp travels, over links.
#pragma once
#include <caf/all.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "actors/transport/link.hpp"

namespace charter::actors {

// One end of a session.
struct Peer {
  transport::LinkId link = 0;
  transport::PeerId peer = 0;
  friend auto operator<=>(const Peer&, const Peer&) = default;
};

// Link end -> its actor.
struct LinkEvent {
  enum class Kind { kUp, kDown, kAcked, kCredit, kLost, kRefused };
  Kind kind = Kind::kUp;
  Peer from;
  transport::Hello hello;           // kUp
  int64_t number = 0;               // kAcked: sequence. kCredit: what is available
  std::vector<uint64_t> sequences;  // kLost
  std::string text;                 // kDown, kRefused: why
};

// Link end -> its actor: a message of another role. sequence 0: an announcement, which is not
// acknowledged.
template <class T>
struct From {
  Peer from;
  uint64_t sequence = 0;
  T message;
};

// Actor -> itself: the next slice of work.
struct Tick {};

// Node -> role: finish what is under way, write what must be written, quit.
struct FinishRole {
  bool checkpoint = true;
  bool complete = false;  // the phase is done: leave its result behind
};

// Node -> role, twice a second, the next one after the answer; a role that computes answers between
// two slices.
struct Probe {};
struct RoleReport {
  std::string name;      // "rollout/0"
  int64_t progress = 0;  // slices of work done
  int64_t tokens = 0;    // generated or trained on, since the start
  std::string state;     // "busy", "waiting for work", ...: who waits for whom
  std::string notice;    // what the run's log is to say of it, once; mostly nothing
};

template <class... Extra>
using RoleActor =
    caf::typed_actor<caf::reacts_to<LinkEvent>, caf::reacts_to<Tick>, caf::reacts_to<FinishRole>,
                     caf::replies_to<Probe>::with<RoleReport>, Extra...>;

// Generates: answers, chains, pairs, trajectories.
using RolloutActor = RoleActor<caf::reacts_to<From<WorkItem>>,  // a lease
                               caf::reacts_to<From<WorkDrained>>,
                               caf::reacts_to<From<Committed>>,  // not for this role; acknowledged
                               caf::reacts_to<From<WeightsReady>>>;  // newer policy weights
// Judges pairs.
using FeedbackActor = RoleActor<caf::reacts_to<From<WorkItem>>, caf::reacts_to<From<WorkDrained>>,
                                caf::reacts_to<From<Committed>>, caf::reacts_to<From<Pair>>>;
// Scores with the PM and the reference.
using RewardActor = RoleActor<caf::reacts_to<From<WorkItem>>, caf::reacts_to<From<WorkDrained>>,
                              caf::reacts_to<From<Committed>>, caf::reacts_to<From<rl::Trajectory>>,
                              caf::reacts_to<From<WeightsReady>>>;
// Holds scored trajectories until the learner takes a batch.
using ReplayActor =
    RoleActor<caf::reacts_to<From<rl::ScoredTrajectory>>, caf::reacts_to<From<Committed>>>;
// Trains the preference model.
using PmTrainerActor = RoleActor<caf::reacts_to<From<WorkItem>>, caf::reacts_to<From<WorkDrained>>,
                                 caf::reacts_to<From<Committed>>, caf::reacts_to<From<Preference>>>;
// Trains the policy: SFT in sl_train, PPO in rl.
using LearnerActor = RoleActor<caf::reacts_to<From<WorkItem>>, caf::reacts_to<From<WorkDrained>>,
                               caf::reacts_to<From<Committed>>, caf::reacts_to<From<Batch>>>;
// Knows the newest snapshots of each model.
using WeightStoreActor =
    RoleActor<caf::reacts_to<From<WeightsReady>>, caf::reacts_to<From<WeightsRequest>>>;

// Supervisor -> prompt_source: counts for the progress line.
struct SourceReportRequest {};
struct SourceReport {
  int64_t total = 0, done = 0, quarantined = 0, leased = 0, pending = 0;
  int64_t version = 0;    // of the policy, in the rl stage
  bool complete = false;  // nothing required is left
};
using PromptSourceActor = RoleActor<caf::reacts_to<From<WorkRequest>>,
                                    caf::reacts_to<From<Renewal>>, caf::reacts_to<From<Committed>>,
                                    caf::replies_to<SourceReportRequest>::with<SourceReport>>;

using LedgerActor = RoleActor<caf::reacts_to<From<Record>>, caf::reacts_to<From<Quarantine>>,
                              caf::reacts_to<From<Trained>>, caf::reacts_to<From<Returned>>>;

// Driver -> supervisor of a phase.
struct StatusRequest {};
struct StopPhase {};  // Ctrl-C: finish what trains, checkpoint, end

struct PhaseStatus {
  enum class State { kRunning, kDone, kStopped, kRestore, kFailed };
  State state = State::kRunning;
  std::string reason;  // kRestore, kFailed
  SourceReport source;
  std::map<std::string, RoleReport> roles;
  std::vector<std::string> events;  // restarts and faults, oldest first
  bool hung =
      false;  // kFailed: an actor of this process does not return; it cannot be ended in good order
  int64_t pss_bytes = 0;  // of all processes now
};

}  // namespace charter::actors

#define CHARTER_FROM(Type) CAF_ADD_TYPE_ID(charter, (charter::actors::From<Type>))
CAF_BEGIN_TYPE_ID_BLOCK(charter, first_custom_type_id)
CAF_ADD_TYPE_ID(charter, (charter::actors::LinkEvent))
CAF_ADD_TYPE_ID(charter, (charter::actors::Tick))
CAF_ADD_TYPE_ID(charter, (charter::actors::FinishRole))
CAF_ADD_TYPE_ID(charter, (charter::actors::Probe))
CAF_ADD_TYPE_ID(charter, (charter::actors::RoleReport))
CAF_ADD_TYPE_ID(charter, (charter::actors::SourceReportRequest))
CAF_ADD_TYPE_ID(charter, (charter::actors::SourceReport))
CAF_ADD_TYPE_ID(charter, (charter::actors::StatusRequest))
CAF_ADD_TYPE_ID(charter, (charter::actors::StopPhase))
CAF_ADD_TYPE_ID(charter, (charter::actors::PhaseStatus))
CHARTER_FROM(charter::actors::WorkItem)
CHARTER_FROM(charter::actors::WorkRequest)
CHARTER_FROM(charter::actors::WorkDrained)
CHARTER_FROM(charter::actors::Renewal)
CHARTER_FROM(charter::actors::Record)
CHARTER_FROM(charter::actors::Quarantine)
CHARTER_FROM(charter::actors::Trained)
CHARTER_FROM(charter::actors::Returned)
CHARTER_FROM(charter::actors::Committed)
CHARTER_FROM(charter::actors::Pair)
CHARTER_FROM(charter::actors::Preference)
CHARTER_FROM(charter::actors::Batch)
CHARTER_FROM(charter::rl::Trajectory)
CHARTER_FROM(charter::rl::ScoredTrajectory)
CHARTER_FROM(charter::actors::WeightsReady)
CHARTER_FROM(charter::actors::WeightsRequest)
CHARTER_FROM(charter::actors::Heartbeat)
CHARTER_FROM(charter::actors::Assignment)
CHARTER_FROM(charter::actors::Finish)
CHARTER_FROM(charter::actors::Finished)
CHARTER_FROM(charter::actors::Fault)
CAF_END_TYPE_ID_BLOCK(charter)

#define CHARTER_LOCAL(Type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Type)
CHARTER_LOCAL(charter::actors::LinkEvent)
CHARTER_LOCAL(charter::actors::Tick)
CHARTER_LOCAL(charter::actors::FinishRole)
CHARTER_LOCAL(charter::actors::Probe)
CHARTER_LOCAL(charter::actors::RoleReport)
CHARTER_LOCAL(charter::actors::SourceReportRequest)
CHARTER_LOCAL(charter::actors::SourceReport)
CHARTER_LOCAL(charter::actors::StatusRequest)
CHARTER_LOCAL(charter::actors::StopPhase)
CHARTER_LOCAL(charter::actors::PhaseStatus)
CHARTER_LOCAL(charter::actors::From<charter::actors::WorkItem>)
CHARTER_LOCAL(charter::actors::From<charter::actors::WorkRequest>)
CHARTER_LOCAL(charter::actors::From<charter::actors::WorkDrained>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Renewal>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Record>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Quarantine>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Trained>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Returned>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Committed>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Pair>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Preference>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Batch>)
CHARTER_LOCAL(charter::actors::From<charter::rl::Trajectory>)
CHARTER_LOCAL(charter::actors::From<charter::rl::ScoredTrajectory>)
CHARTER_LOCAL(charter::actors::From<charter::actors::WeightsReady>)
CHARTER_LOCAL(charter::actors::From<charter::actors::WeightsRequest>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Heartbeat>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Assignment>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Finish>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Finished>)
CHARTER_LOCAL(charter::actors::From<charter::actors::Fault>)
#undef CHARTER_LOCAL
#undef CHARTER_FROM
