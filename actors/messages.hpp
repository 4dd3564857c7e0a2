// Every message that crosses a link, as plain structs. Above each: from -> to, when.
// The field list in `inspect` is the only one: CAF prints with it and the codec packs with it
// (actors/transport/codec.hpp). Arrays are little-endian on the wire. `lineage` counts restores of
// the run; older lineages are refused by the link.
//
// ticket: a number that the prompt source gives out with a work item and nobody can guess. It goes
// with the item's results from role to role, and the ledger takes nothing about an item without it:
// who speaks of it was handed it.
#pragma once
#include <caf/meta/type_name.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "rl/trajectory.hpp"

namespace charter::rl {

template <class I>
typename I::result_type inspect(I& f, Trajectory& x) {
  return f(caf::meta::type_name("Trajectory"), x.work_id, x.ticket, x.lineage, x.prompt, x.response,
           x.behavior_logprobs, x.policy_versions, x.temperature, x.precision, x.finished);
}

template <class I>
typename I::result_type inspect(I& f, ScoredTrajectory& x) {
  return f(caf::meta::type_name("ScoredTrajectory"), x.trajectory, x.score, x.pm_version,
           x.ref_logprobs);
}

}  // namespace charter::rl

namespace charter::actors {

// ---- work link: prompt_source serves it; rollout, feedback, reward, pm_trainer and ppo_learner
// take from it ----

// prompt_source -> worker, when the worker has credit. A lease: it returns to the source unless its
// result is committed.
struct WorkItem {
  int64_t work_id = 0;
  std::string kind;     // sl_chain, helpful_sample, sft, pair, judge, pmp, preference, score,
                        // activation, rollout, eval
  std::string payload;  // JSON of the kind's struct in actors/work.hpp
  int32_t attempt = 1;
  int64_t min_version = 0;  // of the policy that it may be begun with: see rl/staleness.hpp
  uint64_t ticket = 0;
};

// worker -> prompt_source, once, after the handshake: the kinds it takes.
struct WorkRequest {
  std::vector<std::string> kinds;
};

// prompt_source -> worker, when the phase has nothing further to lease: train on what is left, do
// not wait for a full batch.
struct WorkDrained {
  std::string phase;
  int64_t issued =
      0;  // items sent to this worker so far; the announcement may overtake the last of them
};

// worker -> prompt_source, every few seconds: the items it holds. Their leases run on; one it does
// not name runs out.
struct Renewal {
  std::vector<int64_t> work_ids;
};

// ---- record link: the ledger serves it ----

// worker -> ledger, when a work item's result is complete. Acknowledged after the commit.
struct Record {
  int64_t work_id = 0;
  std::string kind;
  std::string body;     // JSON
  int64_t version = 0;  // of the model that made it, 0 where none
  uint64_t ticket = 0;
};

// worker -> ledger, when a work item cannot be done ever (a defect of its data, not of the worker).
struct Quarantine {
  int64_t work_id = 0;
  std::string reason;
  uint64_t ticket = 0;
};

// ppo_learner, pm_trainer -> ledger, after each batch: it is version `version` now.
struct Trained {
  std::string model;  // policy, pm, sl
  int64_t version = 0;
  std::vector<int64_t> work_ids;
  std::string stats;              // JSON
  std::vector<uint64_t> tickets;  // of the work_ids
};

// replay_buffer -> ledger, when a trajectory is not trained on after all; its prompt is pending
// again.
struct Returned {
  std::vector<int64_t> work_ids;
  std::string reason;
  std::vector<uint64_t> tickets;  // of the work_ids
};

// ledger -> prompt_source, after a commit.
struct Committed {
  std::string what;  // record, trained, returned, quarantined
  std::string kind;  // of a record; the model of a training
  int64_t version = 0;
  std::vector<int64_t> work_ids;
};

// ---- data links ----

// rollout -> feedback, when both responses of a pair are complete.
struct Pair {
  int64_t work_id = 0;
  std::string prompt_id, prompt, first, second;
  int64_t policy_version = 0;
  uint64_t ticket = 0;
};

// feedback -> pm_trainer, when a pair of the rl stage is labelled.
struct Preference {
  int64_t work_id = 0;
  std::string prompt, first, second;
  double p_first = 0.5;  // soft label: the judge's probability that `first` is better
  std::string principle_id, method, judge_id;
  uint64_t ticket = 0;
};

// replay_buffer -> ppo_learner, when it has a batch's worth and the learner has credit.
struct Batch {
  std::vector<rl::ScoredTrajectory> trajectories;
};

// ---- weights link: weight_store serves it ----

// ppo_learner, pm_trainer -> weight_store, when a version is ready; weight_store -> rollout,
// reward, as an announcement. The bytes are a snapshot file on this host (shared memory), verified
// by its reader. Where it lies follows from the fields (SnapshotPlaces in actors/publish.hpp): a
// message never names a path.
struct WeightsReady {
  std::string model;  // policy, pm
  int64_t lineage = 0;
  int64_t version = 0;
  std::string checksum;  // XXH3-64 of the file, hexadecimal
  int64_t bytes = 0;
  bool spilled = false;  // memory had no room: the file lies on disk
};

// rollout, reward -> weight_store, after the handshake and after a missed announcement: the newest
// of a model, please.
struct WeightsRequest {
  std::string model;
  int64_t newer_than = -1;
};

// ---- control link: the supervisor serves it; every process connects ----

// node -> supervisor, after the handshake and then every second.
struct Heartbeat {
  std::string node;
  int64_t progress = 0;         // rises while any of the node's actors works or answers
  std::string metrics_address;  // host:port
  int64_t pss_bytes = 0;
  std::string actors;  // JSON: [{"name", "progress", "tokens", "state", "notice"}]
};

// supervisor -> node, in answer to the first heartbeat: what to run.
struct Assignment {
  std::string phase;  // of the pipeline
  int64_t lineage = 0;
  std::vector<std::string> roles;  // "rollout/0"
  int64_t items = 0;  // of work the phase has; a schedule of the learning rate spans it
};

// supervisor -> node: finish what is under way, write what must be written, answer Finished, exit.
struct Finish {
  bool checkpoint = true;
  bool complete = false;  // the phase is done: leave its result behind
};

// node -> supervisor, before it exits in good order.
struct Finished {
  std::string node;
};

// node -> supervisor, when an actor died: the process exits after it.
struct Fault {
  std::string node, actor, reason;
};

#define CHARTER_INSPECT(Type, ...)                      \
  template <class I>                                    \
  typename I::result_type inspect(I& f, Type& x) {      \
    return f(caf::meta::type_name(#Type), __VA_ARGS__); \
  }
CHARTER_INSPECT(WorkItem, x.work_id, x.kind, x.payload, x.attempt, x.min_version, x.ticket)
CHARTER_INSPECT(WorkRequest, x.kinds)
CHARTER_INSPECT(WorkDrained, x.phase, x.issued)
CHARTER_INSPECT(Renewal, x.work_ids)
CHARTER_INSPECT(Record, x.work_id, x.kind, x.body, x.version, x.ticket)
CHARTER_INSPECT(Quarantine, x.work_id, x.reason, x.ticket)
CHARTER_INSPECT(Trained, x.model, x.version, x.work_ids, x.stats, x.tickets)
CHARTER_INSPECT(Returned, x.work_ids, x.reason, x.tickets)
CHARTER_INSPECT(Committed, x.what, x.kind, x.version, x.work_ids)
CHARTER_INSPECT(Pair, x.work_id, x.prompt_id, x.prompt, x.first, x.second, x.policy_version,
                x.ticket)
CHARTER_INSPECT(Preference, x.work_id, x.prompt, x.first, x.second, x.p_first, x.principle_id,
                x.method, x.judge_id, x.ticket)
CHARTER_INSPECT(Batch, x.trajectories)
CHARTER_INSPECT(WeightsReady, x.model, x.lineage, x.version, x.checksum, x.bytes, x.spilled)
CHARTER_INSPECT(WeightsRequest, x.model, x.newer_than)
CHARTER_INSPECT(Heartbeat, x.node, x.progress, x.metrics_address, x.pss_bytes, x.actors)
CHARTER_INSPECT(Assignment, x.phase, x.lineage, x.roles, x.items)
CHARTER_INSPECT(Finish, x.checkpoint, x.complete)
CHARTER_INSPECT(Finished, x.node)
CHARTER_INSPECT(Fault, x.node, x.actor, x.reason)
#undef CHARTER_INSPECT

}  // namespace charter::actors
