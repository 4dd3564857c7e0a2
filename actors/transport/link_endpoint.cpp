#include "actors/transport/link_endpoint.hpp"

#include <algorithm>
#include <utility>

namespace charter::transport {

LinkEndpoint::LinkEndpoint(Side side, LinkOptions options, LinkEvents events, Emit emit, Time now)
    : side_(side),
      options_(std::move(options)),
      events_(std::move(events)),
      emit_(std::move(emit)) {
  if (side_ == Side::kConnect) {
    sessions_.emplace(0, std::make_unique<LinkSession>(options_, next_sequence_, stats_, now));
  }
}

LinkSession* LinkEndpoint::session(PeerId peer) {
  const auto found = sessions_.find(key_of(peer));
  if (found == sessions_.end() || found->second->peer() != peer) return nullptr;
  return found->second.get();
}

LinkSession* LinkEndpoint::session_for(const Frame& frame, Time now) {
  const uint64_t key = key_of(frame.header.producer);
  const auto found = sessions_.find(key);
  if (found != sessions_.end()) return found->second.get();
  if (frame.header.kind != FrameKind::kHello || sessions_.size() >= options_.max_peers) {
    ++stats_.foreign;  // of a session this end has given up, or from before it started
    return nullptr;
  }
  auto made = std::make_unique<LinkSession>(options_, next_sequence_, stats_, now);
  return sessions_.emplace(key, std::move(made)).first->second.get();
}

void LinkEndpoint::receive(std::span<const Blob> parts, uint64_t route, Time now) {
  const auto decoded = decode_frame(parts);
  const Frame* frame = std::get_if<Frame>(&decoded);
  if (frame == nullptr || (side_ == Side::kBind && frame->header.producer != route)) {
    ++stats_.malformed;
    return;
  }
  ++stats_.frames_received;
  if (frame->header.kind == FrameKind::kData) {
    for (const Blob& part : parts.subspan(1)) stats_.bytes_received += part.size;
  }
  if (LinkSession* found = session_for(*frame, now)) found->receive(*frame, now);
  settle(now);
}

bool LinkEndpoint::greeting() const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [](const auto& entry) { return entry.second->greeting(); });
}

void LinkEndpoint::tick(Time now) {
  for (auto& [key, session] : sessions_) session->tick(now);
  settle(now);
  if (side_ != Side::kBind) return;
  std::vector<uint64_t> gone;
  for (const auto& [key, session] : sessions_) {
    if (!session->up() && now - session->down_since() > options_.retention) gone.push_back(key);
  }
  for (const uint64_t key : gone) retire(key, "it did not come back", now);
  if (!gone.empty()) settle(now);
}

void LinkEndpoint::retire(uint64_t key, const std::string& reason, Time now) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return;
  const auto session = std::move(found->second);
  sessions_.erase(found);
  next_sequence_ = std::max(next_sequence_, session->next_sequence());
  session->close(now, reason);
  collect(key, *session, now);
}

// A new process in a known place: the one before it is gone, whatever its silence has lasted.
void LinkEndpoint::retire_predecessors(const SessionEvent& up, Time now) {
  if (side_ != Side::kBind) return;
  std::vector<uint64_t> replaced;
  for (const auto& [key, other] : sessions_) {
    const Hello& hello = other->peer_hello();
    if (other->peer() != 0 && other->peer() != up.peer && hello.role == up.hello.role &&
        hello.index == up.hello.index) {
      replaced.push_back(key);
    }
  }
  for (const uint64_t key : replaced) retire(key, "replaced by a new process", now);
}

void LinkEndpoint::close(Time now) {
  for (auto& [key, session] : sessions_) session->close(now, "the link is closed here");
  settle(now);
}

std::optional<uint64_t> LinkEndpoint::send(uint64_t key, uint16_t type,
                                           std::shared_ptr<const Payload> payload, Time now) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return std::nullopt;
  const uint64_t sequence = found->second->send(type, std::move(payload));
  settle(now);
  return sequence;
}

void LinkEndpoint::acknowledge(PeerId peer, uint64_t sequence, Time now) {
  if (LinkSession* found = session(peer)) found->acknowledge(sequence);
  settle(now);
}

void LinkEndpoint::grant(PeerId peer, int64_t n, Time now) {
  if (LinkSession* found = session(peer)) found->grant(n);
  settle(now);
}

void LinkEndpoint::announce(PeerId peer, uint16_t type, const std::string& body, Time now) {
  if (peer == kAllPeers) {
    announcements_[type] = body;
    for (auto& [key, session] : sessions_) session->announce(type, body);
  } else if (LinkSession* found = session(peer)) {
    found->announce(type, body);
  }
  settle(now);
}

void LinkEndpoint::repeat_announcements(PeerId peer) {
  LinkSession* found = session(peer);
  if (found == nullptr) return;
  for (const auto& [type, body] : announcements_) found->announce(type, body);
}

void LinkEndpoint::raise_lineage(int64_t lineage, Time now) {
  if (lineage <= options_.self.lineage) return;
  options_.self.lineage = lineage;
  for (auto& [key, session] : sessions_) session->lineage_raised(now);
  settle(now);
}

int64_t LinkEndpoint::available(PeerId peer) const {
  const auto found = sessions_.find(key_of(peer));
  if (found == sessions_.end() || found->second->peer() != peer) return 0;
  return found->second->available();
}

uint64_t LinkEndpoint::next_sequence(uint64_t key) const {
  const auto found = sessions_.find(key);
  return found == sessions_.end() ? 0 : found->second->next_sequence();
}

LinkStats LinkEndpoint::stats() const {
  LinkStats stats = stats_;
  for (const auto& [key, session] : sessions_) {
    stats.peers_up += session->up() ? 1 : 0;
    stats.unacknowledged += session->unacknowledged();
    stats.credits_available += session->available();
  }
  return stats;
}

void LinkEndpoint::collect(uint64_t key, LinkSession& session, Time now) {
  session.flush(now);
  for (const Outgoing& frame : session.take_frames()) {
    ++stats_.frames_sent;
    if (frame.header.kind == FrameKind::kData) stats_.bytes_sent += frame.payload->bytes();
    emit_(key, frame);
  }
  for (SessionEvent& event : session.take_events()) pending_.push_back(std::move(event));
}

// Callbacks may send, acknowledge or grant: that only adds to pending_, and the loop takes it up.
void LinkEndpoint::settle(Time now) {
  if (settling_) return;
  settling_ = true;
  do {
    for (auto& [key, session] : sessions_) collect(key, *session, now);
    if (pending_.empty()) break;
    SessionEvent event = std::move(pending_.front());
    pending_.pop_front();
    if (event.kind == SessionEvent::Kind::kUp) {
      repeat_announcements(event.peer);
      retire_predecessors(event, now);
    }
    dispatch(event);
  } while (true);
  settling_ = false;
}

void LinkEndpoint::dispatch(SessionEvent& event) {
  const auto call = [](const auto& function, auto&&... arguments) {
    if (function) function(std::forward<decltype(arguments)>(arguments)...);
  };
  switch (event.kind) {
    case SessionEvent::Kind::kUp:
      return call(events_.peer_up, event.peer, event.hello);
    case SessionEvent::Kind::kDown:
      return call(events_.peer_down, event.peer, std::move(event.text));
    case SessionEvent::Kind::kDelivered:
      return call(events_.delivered, event.peer, event.sequence, event.type, std::move(event.text),
                  std::move(event.blobs));
    case SessionEvent::Kind::kAcked:
      return call(events_.acked, event.peer, event.sequence);
    case SessionEvent::Kind::kCredit:
      return call(events_.credit, event.peer, event.available);
    case SessionEvent::Kind::kLost:
      return call(events_.lost, event.peer, std::move(event.sequences));
    case SessionEvent::Kind::kAnnounced:
      return call(events_.announced, event.peer, event.type, std::move(event.text));
    case SessionEvent::Kind::kRefused:
      return call(events_.refused, std::move(event.text));
  }
}

}  // namespace charter::transport
