#include "actors/transport/sim_link.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "actors/transport/link_endpoint.hpp"

namespace charter::transport {

struct SimNetwork::Port {
  bool binds = false;
  std::string address;
  std::unique_ptr<LinkEndpoint> endpoint;
};

// The encoded frame, so that the simulation also exercises frame.hpp.
struct SimNetwork::Packet {
  uint64_t to = 0;     // link
  uint64_t route = 0;  // sender's producer id
  std::vector<Blob> parts;
};

SimNetwork::SimNetwork(SimOptions options) : options_(options), random_(options.seed) {}
SimNetwork::~SimNetwork() = default;

void SimNetwork::carry(uint64_t from, uint64_t key, const Outgoing& frame) {
  ++carried_;
  const Port& sender = *ports_.at(from);
  uint64_t to = 0;
  if (sender.binds) {
    for (const auto& [id, port] : ports_) {
      if (!port->binds && port->address == sender.address &&
          port->endpoint->options().producer_id == key) {
        to = id;
      }
    }
  } else if (const auto found = bound_.find(sender.address); found != bound_.end()) {
    to = found->second;
  }
  if (to == 0 || partitioned_) return;
  Packet packet{to, sender.endpoint->options().producer_id, {}};
  packet.parts.push_back(Blob::copy_of(encode_header(frame.header, *frame.payload)));
  packet.parts.push_back(Blob::copy_of(std::as_bytes(std::span(frame.payload->body))));
  packet.parts.insert(packet.parts.end(), frame.payload->blobs.begin(), frame.payload->blobs.end());
  std::uniform_real_distribution<double> chance(0, 1);
  std::uniform_int_distribution<int64_t> delay(options_.min_delay.count(),
                                               options_.max_delay.count());
  const int copies = chance(random_) < options_.loss        ? 0
                     : chance(random_) < options_.duplicate ? 2
                                                            : 1;
  for (int i = 0; i < copies; ++i) {
    packets_.emplace(now_ + std::chrono::microseconds(delay(random_)), packet);
  }
}

void SimNetwork::deliver_due() {
  while (!packets_.empty() && packets_.begin()->first <= now_) {
    const Packet packet = std::move(packets_.begin()->second);
    packets_.erase(packets_.begin());
    const auto found = ports_.find(packet.to);
    if (found != ports_.end()) found->second->endpoint->receive(packet.parts, packet.route, now_);
  }
}

void SimNetwork::advance(std::chrono::microseconds duration) {
  const Time end = now_ + duration;
  while (now_ < end) {
    now_ = std::min<Time>(end, now_ + std::chrono::milliseconds(1));
    deliver_due();
    std::vector<uint64_t> ids;
    for (const auto& [id, port] : ports_) ids.push_back(id);
    for (const uint64_t id : ids) {
      if (const auto found = ports_.find(id); found != ports_.end()) {
        found->second->endpoint->tick(now_);
      }
    }
  }
}

LinkId SimTransport::open(bool binds, LinkOptions options, const std::string& address,
                          LinkEvents events) {
  if (binds && network_.bound_.contains(address)) {
    throw std::runtime_error("cannot bind " + address + ": address already in use");
  }
  if (options.producer_id == 0) options.producer_id = network_.random_() | 1;
  const uint64_t id = network_.next_id_++;
  auto port = std::make_unique<SimNetwork::Port>();
  port->binds = binds;
  port->address = address;
  port->endpoint = std::make_unique<LinkEndpoint>(
      binds ? LinkEndpoint::Side::kBind : LinkEndpoint::Side::kConnect, std::move(options),
      std::move(events),
      [network = &network_, id](uint64_t key, const Outgoing& frame) {
        network->carry(id, key, frame);
      },
      network_.now_);
  network_.ports_.emplace(id, std::move(port));
  if (binds) network_.bound_[address] = id;
  links_.push_back(id);
  return id;
}

LinkId SimTransport::bind(LinkOptions options, const std::string& address, LinkEvents events) {
  return open(true, std::move(options), address, std::move(events));
}

LinkId SimTransport::connect(LinkOptions options, const std::string& address, LinkEvents events) {
  return open(false, std::move(options), address, std::move(events));
}

SimNetwork::Port* SimTransport::port(LinkId link) const {
  if (std::find(links_.begin(), links_.end(), link) == links_.end()) return nullptr;
  return network_.ports_.at(link).get();
}

void SimTransport::crash() {
  for (const LinkId link : links_) {
    const auto found = network_.ports_.find(link);
    if (found->second->binds) network_.bound_.erase(found->second->address);
    network_.ports_.erase(found);
  }
  links_.clear();
}

std::optional<uint64_t> SimTransport::send(LinkId link, PeerId peer, uint16_t type,
                                           std::string body, std::vector<Blob> blobs) {
  SimNetwork::Port* found = port(link);
  if (found == nullptr || found->endpoint->available(peer) <= 0) return std::nullopt;
  return found->endpoint->send(found->endpoint->key_of(peer), type,
                               make_payload(std::move(body), std::move(blobs)), network_.now_);
}

void SimTransport::acknowledge(LinkId link, PeerId peer, uint64_t sequence) {
  if (auto* found = port(link)) found->endpoint->acknowledge(peer, sequence, network_.now_);
}

void SimTransport::grant(LinkId link, PeerId peer, int64_t n) {
  if (auto* found = port(link)) found->endpoint->grant(peer, n, network_.now_);
}

void SimTransport::announce(LinkId link, PeerId peer, uint16_t type, std::string body) {
  if (auto* found = port(link)) found->endpoint->announce(peer, type, body, network_.now_);
}

void SimTransport::raise_lineage(LinkId link, int64_t lineage) {
  if (auto* found = port(link)) found->endpoint->raise_lineage(lineage, network_.now_);
}

void SimTransport::close(LinkId link) {
  SimNetwork::Port* found = port(link);
  if (found == nullptr) return;
  found->endpoint->close(network_.now_);
  if (found->binds) network_.bound_.erase(found->address);
  network_.ports_.erase(link);
  std::erase(links_, link);
}

std::string SimTransport::endpoint(LinkId link) const {
  const SimNetwork::Port* found = port(link);
  return found == nullptr ? std::string{} : found->address;
}

LinkStats SimTransport::stats(LinkId link) const {
  const SimNetwork::Port* found = port(link);
  return found == nullptr ? LinkStats{} : found->endpoint->stats();
}

}  // namespace charter::transport
