// Gives out work: leases in the order of the ledger, bounded by staleness admission in the rl
// stage, re-issued when a worker is lost. Complete when every item of the required kinds is
// committed.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/lease_book.hpp"
#include "actors/ports.hpp"
#include "metrics/metrics.hpp"
#include "rl/staleness.hpp"

namespace charter::actors {

struct SourceItem {
  int64_t work_id = 0;
  std::string kind, payload;
  uint64_t ticket = 0;
};

struct PromptSourceOptions {
  std::string phase;
  std::vector<SourceItem> items;   // pending ones, in order
  std::set<std::string> required;  // kinds that must be committed for the phase to be complete
  std::set<std::string>
      settled_by_training;  // kinds that a training settles; a record settles the others
  // What a worker of each role may ask for. A role without an entry may ask for all.
  std::map<Role, std::set<std::string>> kinds_of;
  LeaseOptions leases;
  // rl: items of kind "rollout" pass the gate; it starts at `version`.
  bool gated = false;
  rl::StalenessOptions gate;
  int64_t version = 0;
};

struct PromptSourceState {
  static constexpr const char* name = "prompt_source";
  explicit PromptSourceState() : book(LeaseOptions{}), gate(rl::StalenessOptions{}) {}
  struct Worker {
    std::optional<Role> role;
    std::set<std::string> kinds;
    int64_t credit = 0;
    int64_t issued = 0;
    bool told_drained = false;
  };
  PromptSourceOptions options;
  LeaseBook book;
  rl::StalenessGate gate;
  Ports ports;
  Outbox quarantines;
  std::map<Peer, Worker> workers;
  std::map<std::pair<Peer, uint64_t>, std::pair<int64_t, std::string>>
      leased;                           // (peer, sequence) -> work id, kind
  std::map<int64_t, uint64_t> tickets;  // of all items
  std::set<int64_t> in_gate;            // reserved and not yet buffered
  std::set<int64_t> buffered;           // handed over to the replay buffer
  transport::LinkId work_link = 0, record_link = 0;
  bool finishing = false;
  int64_t progress = 0;  // leases and commits
  TimePoint blocked_since{};
};

PromptSourceActor::behavior_type prompt_source(
    PromptSourceActor::stateful_pointer<PromptSourceState> self, Wiring wiring,
    PromptSourceOptions options, metrics::PromptSourceMetrics metrics);

}  // namespace charter::actors
