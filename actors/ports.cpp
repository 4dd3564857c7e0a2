#include "actors/ports.hpp"

#include <algorithm>
#include <stdexcept>

#include "actors/link_meter.hpp"

namespace charter::actors {

std::optional<uint64_t> Ports::send(Peer to, uint16_t type, const std::string& body) {
  const auto sequence = wiring_.transport->send(to.link, to.peer, type, body);
  const auto link = links_.find(to.link);
  if (sequence && link != links_.end() && link->second) link->second->sent(type);
  return sequence;
}

void Ports::announce(Peer to, uint16_t type, std::string body) {
  wiring_.transport->announce(to.link, to.peer, type, std::move(body));
  if (const auto link = links_.find(to.link); link != links_.end() && link->second)
    link->second->sent(type);
}

void Ports::refuse(Peer peer, uint64_t sequence) {
  if (const auto link = links_.find(peer.link); link != links_.end() && link->second)
    link->second->refused();
  acknowledge(peer, sequence);
}

void Ports::expect_accepted(const LinkEvent& event) const {
  if (event.kind == LinkEvent::Kind::kRefused && joined_.contains(event.from.link))
    throw std::runtime_error(event.text);
}

void Ports::close() {
  for (const auto& [link, end] : links_) {
    if (end) wiring_.meter->closing(link);
    wiring_.transport->close(link);
  }
  links_.clear();
  place_.leave();
  joined_.clear();
}

std::shared_ptr<const LinkEnd> Ports::meter_end(Arrow arrow) const {
  return wiring_.meter ? wiring_.meter->end(role_ + "/" + std::to_string(index_), arrow) : nullptr;
}

void Ports::count_received(const LinkEnd* end, uint16_t type, bool good) {
  if (end == nullptr) return;
  good ? end->received(type) : end->refused();
}

void Ports::keep(transport::LinkId link, Arrow arrow, std::shared_ptr<const LinkEnd> end) {
  place_.opened(link, name(arrow));
  if (end) wiring_.meter->opened(link, end);
  links_[link] = std::move(end);
}

std::vector<int64_t> Outbox::handle(const LinkEvent& event) {
  using Kind = LinkEvent::Kind;
  if (std::find(links_.begin(), links_.end(), event.from.link) == links_.end()) return {};
  std::vector<int64_t> done;
  switch (event.kind) {
    case Kind::kCredit:
      credit_[event.from] = event.number;
      break;
    case Kind::kDown:
      credit_.erase(event.from);
      break;
    case Kind::kAcked:
      if (auto it = find_sent(event.from, static_cast<uint64_t>(event.number)); it != sent_.end()) {
        done.push_back(it->second.tag);
        sent_.erase(it);
      }
      break;
    case Kind::kLost:
      // The receiver is gone for good: the message goes to another, or to its successor.
      for (auto sequence = event.sequences.rbegin(); sequence != event.sequences.rend(); ++sequence)
        if (auto it = sent_.find({event.from, *sequence}); it != sent_.end()) {
          queue_.push_front(std::move(it->second));
          sent_.erase(it);
        }
      break;
    default:
      break;
  }
  flush();
  return done;
}

Outbox::Sent::iterator Outbox::find_sent(Peer from, uint64_t sequence) {
  auto exact = sent_.find({from, sequence});
  if (exact != sent_.end()) return exact;
  // A restarted server answers for its predecessor under a new peer id; a connecting end has one
  // peer and numbers its messages once a link, so the link and the sequence name the message.
  return std::find_if(sent_.begin(), sent_.end(), [&](const auto& entry) {
    return entry.first.first.link == from.link && entry.first.second == sequence;
  });
}

void Outbox::flush() {
  while (!queue_.empty()) {
    auto best = std::max_element(credit_.begin(), credit_.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == credit_.end() || best->second <= 0) return;
    const auto sequence = ports_->send(best->first, queue_.front().type, queue_.front().body);
    if (!sequence) {
      best->second = 0;
      continue;
    }
    --best->second;
    sent_.emplace(std::pair{best->first, *sequence}, std::move(queue_.front()));
    queue_.pop_front();
  }
}

}  // namespace charter::actors
