#include "actors/lease_book.hpp"

#include <algorithm>
#include <stdexcept>

namespace charter::actors {

void LeaseBook::add(int64_t work_id, std::string kind, std::string payload) {
  auto [it, added] = items_.try_emplace(work_id, Item{.kind = kind, .payload = std::move(payload)});
  if (!added) return;
  ++counts_.pending;
  ++open_[kind];
  ++waiting_[kind];
  pending_[kind].push_back(work_id);
}

int64_t& LeaseBook::count(State state) {
  switch (state) {
    case State::kPending:
      return counts_.pending;
    case State::kLeased:
      return counts_.leased;
    case State::kHandedOver:
      return counts_.handed_over;
    case State::kDone:
      return counts_.done;
    case State::kQuarantined:
      return counts_.quarantined;
  }
  throw std::logic_error("lease state out of range");
}

void LeaseBook::move(Item& item, State to) {
  const bool was_open = item.state != State::kDone && item.state != State::kQuarantined;
  const bool is_open = to != State::kDone && to != State::kQuarantined;
  open_[item.kind] += static_cast<int64_t>(is_open) - static_cast<int64_t>(was_open);
  waiting_[item.kind] += static_cast<int64_t>(to == State::kPending) -
                         static_cast<int64_t>(item.state == State::kPending);
  --count(item.state);
  ++count(to);
  item.state = to;
}

std::optional<Lease> LeaseBook::next(const std::set<std::string>& kinds, uint64_t peer,
                                     TimePoint now) {
  // The lowest position in the overall order wins, so that two kinds interleave as they were added.
  std::deque<int64_t>* best = nullptr;
  for (const auto& kind : kinds) {
    auto it = pending_.find(kind);
    if (it == pending_.end()) continue;
    auto& queue = it->second;
    while (!queue.empty() && items_.at(queue.front()).state != State::kPending) queue.pop_front();
    if (queue.empty()) continue;
    if (!best || queue.front() < best->front()) best = &queue;
  }
  if (!best) return std::nullopt;
  const int64_t id = best->front();
  best->pop_front();
  Item& item = items_.at(id);
  move(item, State::kLeased);
  ++item.attempts;
  item.peer = peer;
  item.deadline = now + std::chrono::duration_cast<TimePoint::duration>(options_.duration);
  leased_.insert(id);
  return Lease{.work_id = id, .kind = item.kind, .payload = item.payload, .attempt = item.attempts};
}

void LeaseBook::renew(std::span<const int64_t> work_ids, uint64_t peer, TimePoint now) {
  for (const int64_t id : work_ids) {
    if (!leased_.contains(id)) continue;
    Item& item = items_.at(id);
    if (item.peer == peer)
      item.deadline = now + std::chrono::duration_cast<TimePoint::duration>(options_.duration);
  }
}

void LeaseBook::hand_over(int64_t work_id) {
  auto it = items_.find(work_id);
  if (it == items_.end() || it->second.state != State::kLeased) return;
  leased_.erase(work_id);
  move(it->second, State::kHandedOver);
}

void LeaseBook::commit(int64_t work_id) {
  auto it = items_.find(work_id);
  if (it == items_.end() || it->second.state == State::kDone) return;
  leased_.erase(work_id);
  move(it->second, State::kDone);
}

void LeaseBook::give_back(int64_t work_id) {
  auto it = items_.find(work_id);
  if (it == items_.end()) return;
  Item& item = it->second;
  if (item.state != State::kLeased && item.state != State::kHandedOver) return;
  leased_.erase(work_id);
  move(item, State::kPending);
  item.attempts = std::max(0, item.attempts - 1);
  pending_[item.kind].push_front(work_id);
}

void LeaseBook::quarantine(int64_t work_id) {
  auto it = items_.find(work_id);
  if (it == items_.end() || it->second.state == State::kDone) return;
  leased_.erase(work_id);
  move(it->second, State::kQuarantined);
}

template <class Predicate>
FailedLeases LeaseBook::fail_leases(Predicate&& failed) {
  FailedLeases result;
  std::vector<int64_t> ids;
  for (int64_t id : leased_)
    if (failed(items_.at(id))) ids.push_back(id);
  std::reverse(ids.begin(), ids.end());  // pushed to the front one by one: the oldest ends up first
  for (int64_t id : ids) {
    Item& item = items_.at(id);
    leased_.erase(id);
    if (item.attempts >= options_.max_attempts) {
      move(item, State::kQuarantined);
      result.quarantined.push_back(id);
    } else {
      move(item, State::kPending);
      pending_[item.kind].push_front(id);
      result.requeued.push_back(id);
    }
  }
  return result;
}

FailedLeases LeaseBook::peer_lost(uint64_t peer) {
  return fail_leases([peer](const Item& item) { return item.peer == peer; });
}

FailedLeases LeaseBook::expire(TimePoint now) {
  return fail_leases([now](const Item& item) { return item.deadline <= now; });
}

const std::string* LeaseBook::kind(int64_t work_id) const {
  auto it = items_.find(work_id);
  return it == items_.end() ? nullptr : &it->second.kind;
}

int64_t LeaseBook::open(const std::string& kind) const {
  auto it = open_.find(kind);
  return it == open_.end() ? 0 : it->second;
}

int64_t LeaseBook::pending(const std::set<std::string>& kinds) const {
  int64_t result = 0;
  for (const auto& kind : kinds)
    if (const auto it = waiting_.find(kind); it != waiting_.end()) result += it->second;
  return result;
}

}  // namespace charter::actors
