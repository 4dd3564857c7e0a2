// Sending from any thread: each peer's gate, and what the socket thread does with what it let pass.
#include <stdexcept>
#include <utility>

#include "actors/transport/zmq_loop.hpp"

namespace charter::transport {
namespace {

void require_size(const std::string& body, const std::vector<Blob>& blobs, size_t most) {
  size_t bytes = body.size();
  for (const Blob& blob : blobs) bytes += blob.size;
  if (bytes > most)
    throw std::invalid_argument("message: " + std::to_string(bytes) + " bytes, expected at most " +
                                std::to_string(most));
}

}  // namespace

// The gate changes before the actor hears of it, so that it can send from the event.
LinkEvents ZmqTransport::Loop::gated(LinkId link, LinkEvents events) {
  events.peer_up = [this, link, next = std::move(events.peer_up)](PeerId peer, const Hello& hello) {
    set_gate(link, peer, true);
    if (next) next(peer, hello);
  };
  events.peer_down = [this, link, next = std::move(events.peer_down)](PeerId peer,
                                                                      std::string reason) {
    set_gate(link, peer, false);
    if (next) next(peer, std::move(reason));
  };
  events.credit = [this, link, next = std::move(events.credit)](PeerId peer, int64_t available) {
    if (available > 0) set_gate(link, peer, true);
    if (next) next(peer, available);
  };
  return events;
}

void ZmqTransport::Loop::set_gate(LinkId link, PeerId peer, bool up) {
  const auto port = ports_.find(link);
  if (port == ports_.end()) return;
  LinkEndpoint& endpoint = port->second->endpoint();
  const uint64_t key = endpoint.key_of(peer);
  const std::lock_guard lock(mutex_);
  Gate& gate = shared_[link].gates[key];
  if (!up && gate.peer != peer) return;  // it went down, and another is up in its place
  const uint64_t next = endpoint.next_sequence(key);
  gate.peer = peer;
  gate.up = up;
  gate.available = endpoint.available(peer);
  if (next != 0) gate.next_sequence = next + static_cast<uint64_t>(gate.queued);
}

ZmqTransport::Loop::Gate* ZmqTransport::Loop::gate(LinkId link, PeerId peer) {
  const auto found = shared_.find(link);
  if (found == shared_.end()) return nullptr;
  for (auto& [key, gate] : found->second.gates) {
    if (gate.peer == peer) return &gate;
  }
  return nullptr;
}

std::optional<uint64_t> ZmqTransport::Loop::send(LinkId link, PeerId peer, uint16_t type,
                                                 std::string body, std::vector<Blob> blobs) {
  const auto open = [this, link, peer]() -> Gate* {
    Gate* found = gate(link, peer);
    return found != nullptr && found->up && found->available > found->queued ? found : nullptr;
  };
  {
    const std::lock_guard lock(mutex_);
    if (open() == nullptr) return std::nullopt;  // before the checksum of all the bytes
    require_size(body, blobs, shared_[link].max_message_bytes);
  }
  auto payload = make_payload(std::move(body), std::move(blobs));
  uint64_t sequence = 0;
  {
    const std::lock_guard lock(mutex_);
    Gate* found = open();
    if (found == nullptr) return std::nullopt;
    sequence = found->next_sequence++;
    ++found->queued;
    commands_.push_back([this, link, peer, sequence, type, payload = std::move(payload)] {
      carry_out_send(link, peer, sequence, type, payload);
    });
  }
  wake();
  return sequence;
}

void ZmqTransport::Loop::carry_out_send(LinkId link, PeerId peer, uint64_t sequence, uint16_t type,
                                        std::shared_ptr<const Payload> payload) {
  const auto port = ports_.find(link);
  if (port == ports_.end()) return;  // closed in between; close reports nothing after it returned
  LinkEndpoint& endpoint = port->second->endpoint();
  const uint64_t key = endpoint.key_of(peer);
  {
    // Before the session counts it: an event of this send may set the gate from the session.
    const std::lock_guard lock(mutex_);
    Gate& gate = shared_[link].gates[key];
    --gate.queued;
    --gate.available;
  }
  const bool sent =
      endpoint.send(key, type, std::move(payload), std::chrono::steady_clock::now()).has_value();
  {
    const std::lock_guard lock(mutex_);
    Gate& gate = shared_[link].gates[key];
    gate.available = endpoint.available(gate.peer);
  }
  if (!sent && lost_[link]) lost_[link](peer, {sequence});
}

}  // namespace charter::transport
