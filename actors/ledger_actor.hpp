// The only writer of the run's database, and the first who sees a policy version whole: it holds
// each to the limits (metrics/limits.hpp), and a crossing is an event in the version's own commit.
// Records are acknowledged after the commit that holds them; what arrives together is committed
// together. Runs detached: a commit waits for the disk.
//
// A commit that fails, or would go to a file that is no longer at the ledger's path, is tried again
// for a while: a disk gets room, a directory comes back. Meanwhile nothing is acknowledged, so all
// of it stays with its senders. After that the actor dies of what it met first; at once where it is
// to finish a phase that is not complete, whose work is made again.
//
// What a peer says is checked against what it holds: it needs the ticket of every item it names, an
// item's record has the item's kind, and a trainer speaks of its own models, in versions that can
// be the next ones. What fails is counted and acknowledged, and leaves no row.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/ports.hpp"
#include "metrics/metrics.hpp"
#include "store/ledger.hpp"

namespace charter::actors {

// An item that the phase gives out: who holds its ticket was given it, or a result of it.
struct GivenWork {
  uint64_t ticket = 0;
  std::string kind;
};
using GivenOut = std::map<int64_t, GivenWork>;  // by work id

struct LedgerState {
  static constexpr const char* name = "ledger";
  struct Waiting {
    Peer from;
    uint64_t sequence = 0;
    std::function<void(store::Ledger&, LedgerState&)> apply;
  };
  std::shared_ptr<store::Ledger> ledger;
  Ports ports;
  Outbox commits;                  // to prompt_source
  std::vector<Waiting> waiting;    // of the next commit
  std::vector<Committed> to_tell;  // by that commit
  GivenOut given;
  std::map<Peer, Role> peers;               // as they said hello
  std::map<std::string, int64_t> versions;  // by model: the newest committed
  bool scheduled = false;
  int64_t lineage = 0;
  int64_t progress = 0;
  std::chrono::steady_clock::time_point folded = std::chrono::steady_clock::now();  // the log
  metrics::LimitWatch limits;  // of the policy's versions
  struct Trouble {             // of the commit that cannot be made
    std::string what;
    std::chrono::steady_clock::time_point since;
  };
  std::optional<Trouble> trouble;
  std::string notice;      // of the last trouble that passed
  bool finishing = false;  // quits once nothing waits
};

// How long what is away is waited for, and how often it is looked for.
struct LedgerPatience {
  std::chrono::milliseconds longest{30'000}, between{250};
  // A copy of the database without its log lacks no more than these last minutes.
  std::chrono::milliseconds fold{120'000};
};

// policy_version: that rl goes on from; 0 in other phases.
LedgerActor::behavior_type ledger_actor(LedgerActor::stateful_pointer<LedgerState> self,
                                        Wiring wiring, std::shared_ptr<store::Ledger> ledger,
                                        GivenOut given, int64_t policy_version,
                                        metrics::LedgerMetrics metrics,
                                        metrics::LimitMetrics limits, LedgerPatience patience);

}  // namespace charter::actors
