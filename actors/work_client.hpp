// A worker's side of leases and records: takes work items as credit allows, hands their results to
// the ledger, and gives a lease back to the source only when its result is owned by someone else.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "actors/ports.hpp"

namespace charter::actors {

class WorkClient {
 public:
  WorkClient() = default;
  // credit: work items this worker holds at once.
  WorkClient(Ports* ports, std::vector<std::string> kinds, int64_t credit)
      : ports_(ports), kinds_(std::move(kinds)), credit_(credit), records_(ports) {}

  // Connects to the ledger, and to the prompt source unless `kinds` is empty.
  template <class Handle>
  void connect(const Handle& handle) {
    records_.add_link(ports_->connect<Committed>(handle, Arrow::kRecord, 0, 0));
    if (!kinds_.empty())
      work_link_ = ports_->connect<WorkItem, WorkDrained>(handle, Arrow::kWork, 0, 0);
  }
  // Takes work from now on (a worker without its weights does not).
  void start() {
    started_ = true;
    request();
  }

  // Returns the work ids whose records were committed by this event.
  std::vector<int64_t> handle(const LinkEvent& event);

  // Remembers the lease. False: it is held already (a lease that came back to the same worker).
  bool accept(const From<WorkItem>& item);
  void drained(const WorkDrained& message) { drained_at_ = message.issued; }
  // The source has nothing further, and all that it sent has arrived.
  [[nodiscard]] bool is_drained() const { return drained_at_ >= 0 && received_ >= drained_at_; }
  // Tells the source which items are held here, at most every few seconds. Called where the role
  // answers that it lives.
  void renew(std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
  // Gives the lease back: its result is owned elsewhere.
  void release(int64_t work_id);

  // The ticket that came with an item: with its lease, or with what another role handed over.
  void keep_ticket(int64_t work_id, uint64_t ticket) { tickets_[work_id] = ticket; }
  [[nodiscard]] uint64_t ticket(int64_t work_id) const;  // 0: none

  // Sends to the ledger, with the tickets of what it names; the lease of `work_id` (0: none) is
  // released at the acknowledgement.
  template <class T>
  void record(T message, int64_t work_id) {
    if constexpr (requires { message.work_ids; }) {
      for (const int64_t id : message.work_ids) message.tickets.push_back(ticket(id));
    } else {
      message.ticket = ticket(message.work_id);
    }
    records_.push(message, work_id);
  }

  [[nodiscard]] size_t held() const { return leases_.size(); }
  [[nodiscard]] size_t unacknowledged() const { return records_.unacknowledged(); }

 private:
  void request();

  Ports* ports_ = nullptr;
  std::vector<std::string> kinds_;
  int64_t credit_ = 0;
  Outbox records_;
  transport::LinkId work_link_ = 0;
  Peer source_;
  bool started_ = false;
  int64_t received_ = 0, drained_at_ = -1;
  std::map<int64_t, std::pair<Peer, uint64_t>> leases_;
  std::map<int64_t, uint64_t> tickets_;  // of a whole phase: what was released may be spoken of
  std::chrono::steady_clock::time_point renewed_{};
};

}  // namespace charter::actors
