// Who works on which item: leases with a deadline, as a pure value with explicit time. Used by
// prompt_source's state.
//
// Invariant: every added item is in exactly one state: pending, leased, handed over, done or
// quarantined.
//   pending -> leased (to a peer) -> handed over (the peer passed its result on and no longer holds
//   it) -> done (committed)
// A lease runs for `duration` unless its peer renews it, so the duration need not cover the longest
// work, only the time in which a living worker speaks. A lease whose peer is lost or whose deadline
// passes is pending again, ahead of items never tried; after max_attempts leases it is quarantined
// instead. A commit is final in every state, so a late result of an expired lease counts once.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace charter::actors {

using TimePoint = std::chrono::steady_clock::time_point;

struct LeaseOptions {
  std::chrono::duration<double> duration{600};
  int32_t max_attempts = 5;
};

struct Lease {
  int64_t work_id = 0;
  std::string kind, payload;
  int32_t attempt = 0;  // 1 at the first lease
};

struct LeaseCounts {
  int64_t pending = 0, leased = 0, handed_over = 0, done = 0, quarantined = 0;
  [[nodiscard]] int64_t total() const {
    return pending + leased + handed_over + done + quarantined;
  }
};

// Leases that failed: their items are pending again, or quarantined after too many.
struct FailedLeases {
  std::vector<int64_t> requeued, quarantined;
};

class LeaseBook {
 public:
  explicit LeaseBook(LeaseOptions options) : options_(options) {}

  // Appends in order. An id that is already known is ignored.
  void add(int64_t work_id, std::string kind, std::string payload);

  // Leases the first pending item of one of `kinds` to `peer`. Nothing when there is none.
  [[nodiscard]] std::optional<Lease> next(const std::set<std::string>& kinds, uint64_t peer,
                                          TimePoint now);

  // The peer is at work on these: the leases it has on them run for their whole duration again.
  // Others are left alone.
  void renew(std::span<const int64_t> work_ids, uint64_t peer, TimePoint now);
  void hand_over(int64_t work_id);
  void commit(int64_t work_id);
  // The result is not wanted after all (dropped as stale): pending again without counting as a
  // failed attempt.
  void give_back(int64_t work_id);
  void quarantine(int64_t work_id);

  FailedLeases peer_lost(uint64_t peer);
  FailedLeases expire(TimePoint now);

  [[nodiscard]] const LeaseCounts& counts() const { return counts_; }
  // Items of one kind that are not done or quarantined.
  [[nodiscard]] int64_t open(const std::string& kind) const;
  [[nodiscard]] int64_t pending(const std::set<std::string>& kinds) const;
  [[nodiscard]] const std::string* kind(int64_t work_id) const;  // null: unknown

 private:
  enum class State { kPending, kLeased, kHandedOver, kDone, kQuarantined };
  struct Item {
    std::string kind, payload;
    State state = State::kPending;
    int32_t attempts = 0;
    uint64_t peer = 0;
    TimePoint deadline{};
  };
  int64_t& count(State state);
  void move(Item& item, State to);
  template <class Predicate>
  FailedLeases fail_leases(Predicate&& failed);

  LeaseOptions options_;
  std::map<int64_t, Item> items_;
  std::map<std::string, std::deque<int64_t>> pending_;  // by kind, in order
  std::map<std::string, int64_t> open_, waiting_;       // by kind: not final; pending
  std::set<int64_t> leased_;
  LeaseCounts counts_;
};

}  // namespace charter::actors
