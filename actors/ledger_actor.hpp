// The only writer of the run's database, and the first who sees a policy version whole: it holds
// each to the limits (metrics/limits.hpp), and a crossing is an event in the version's own commit.
// Records are acknowledged after the commit that holds them; what arrives together is committed
// together. Runs detached: a commit waits for the disk.
//
// A commit that fails, or would go to a file that is no longer at the ledger's path, is tried again
// for a while: a disk gets room, a directory comes back. Meanwhile nothing is acknowledged, so all
// of it stays with its senders. After that the actor dies of what it met first.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/ports.hpp"
#include "metrics/metrics.hpp"
#include "store/ledger.hpp"

namespace charter::actors {

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
};

// policy_version: that rl goes on from; 0 in other phases.
LedgerActor::behavior_type ledger_actor(LedgerActor::stateful_pointer<LedgerState> self,
                                        Wiring wiring, std::shared_ptr<store::Ledger> ledger,
                                        int64_t policy_version, metrics::LedgerMetrics metrics,
                                        metrics::LimitMetrics limits, LedgerPatience patience);

}  // namespace charter::actors
