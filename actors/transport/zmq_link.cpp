#include "actors/transport/zmq_link.hpp"

#include <chrono>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include "actors/transport/zmq_loop.hpp"

namespace charter::transport {

constexpr std::chrono::seconds kAddressDeadline{3};

ZmqTransport::ZmqTransport(zmq::context_t& context, RunKey key)
    : loop_(std::make_unique<Loop>(context, std::move(key))) {}
ZmqTransport::~ZmqTransport() = default;

LinkId ZmqTransport::bind(LinkOptions options, const std::string& address, LinkEvents events) {
  // A listener of ipc or tcp closed a moment ago holds its address a little longer, and longer on a
  // busy machine: libzmq closes in the background. The caller waits, not the socket thread.
  const auto deadline = std::chrono::steady_clock::now() + kAddressDeadline;
  while (true) {
    try {
      return loop_->open(LinkEndpoint::Side::kBind, options, address, events);
    } catch (const std::runtime_error& error) {
      const bool in_use = std::string_view(error.what()).ends_with("ddress already in use");
      if (!in_use || address.starts_with("inproc:") || std::chrono::steady_clock::now() > deadline)
        throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
}

LinkId ZmqTransport::connect(LinkOptions options, const std::string& address, LinkEvents events) {
  return loop_->open(LinkEndpoint::Side::kConnect, std::move(options), address, std::move(events));
}

std::optional<uint64_t> ZmqTransport::send(LinkId link, PeerId peer, uint16_t type,
                                           std::string body, std::vector<Blob> blobs) {
  return loop_->send(link, peer, type, std::move(body), std::move(blobs));
}

void ZmqTransport::acknowledge(LinkId link, PeerId peer, uint64_t sequence) {
  loop_->post(link, [peer, sequence](LinkEndpoint& endpoint, Time now) {
    endpoint.acknowledge(peer, sequence, now);
  });
}

void ZmqTransport::grant(LinkId link, PeerId peer, int64_t n) {
  loop_->post(link, [peer, n](LinkEndpoint& endpoint, Time now) { endpoint.grant(peer, n, now); });
}

void ZmqTransport::announce(LinkId link, PeerId peer, uint16_t type, std::string body) {
  loop_->post(link, [peer, type, body = std::move(body)](LinkEndpoint& endpoint, Time now) {
    endpoint.announce(peer, type, body, now);
  });
}

void ZmqTransport::raise_lineage(LinkId link, int64_t lineage) {
  loop_->post(
      link, [lineage](LinkEndpoint& endpoint, Time now) { endpoint.raise_lineage(lineage, now); });
}

void ZmqTransport::close(LinkId link) { loop_->close(link); }
std::string ZmqTransport::endpoint(LinkId link) const { return loop_->endpoint(link); }
LinkStats ZmqTransport::stats(LinkId link) const { return loop_->stats(link); }

}  // namespace charter::transport
