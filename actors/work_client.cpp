#include "actors/work_client.hpp"

namespace charter::actors {

void WorkClient::request() {
  if (!started_ || source_.peer == 0) return;
  ports_->announce(source_, WorkRequest{kinds_});
  ports_->grant(source_, credit_);
}

std::vector<int64_t> WorkClient::handle(const LinkEvent& event) {
  if (event.from.link == work_link_) {
    if (event.kind == LinkEvent::Kind::kUp) {
      source_ = event.from;
      received_ = 0;
      drained_at_ = -1;
      request();
    } else if (event.kind == LinkEvent::Kind::kDown) {
      source_ = {};
    }
  }
  auto done = records_.handle(event);
  for (int64_t id : done) release(id);
  return done;
}

uint64_t WorkClient::ticket(int64_t work_id) const {
  const auto found = tickets_.find(work_id);
  return found == tickets_.end() ? 0 : found->second;
}

bool WorkClient::accept(const From<WorkItem>& item) {
  ++received_;
  keep_ticket(item.message.work_id, item.message.ticket);
  auto [it, added] = leases_.try_emplace(item.message.work_id, item.from, item.sequence);
  if (added) return true;
  ports_->acknowledge(it->second.first,
                      it->second.second);  // the earlier lease is void, this one stands for both
  it->second = {item.from, item.sequence};
  return false;
}

void WorkClient::renew(std::chrono::steady_clock::time_point now) {
  constexpr auto kInterval = std::chrono::seconds(5);  // a fraction of the shortest sensible lease
  if (leases_.empty() || source_.peer == 0 || now - renewed_ < kInterval) return;
  renewed_ = now;
  Renewal renewal;
  for (const auto& [work_id, lease] : leases_)
    if (lease.first == source_)
      renewal.work_ids.push_back(work_id);  // those of an earlier session are void
  ports_->announce(source_, renewal);
}

void WorkClient::release(int64_t work_id) {
  auto it = leases_.find(work_id);
  if (it == leases_.end()) return;
  ports_->acknowledge(it->second.first, it->second.second);
  leases_.erase(it);
}

}  // namespace charter::actors
