// Links over ZeroMQ. One thread owns every socket; calls reach it through a queue and an eventfd (a
// socket pair would need a lock around each sending thread; an eventfd needs none).
//
// Sockets, per bound link
//   control ROUTER at the address: hellos, states, announcements. Small, never dropped.
//   data    ROUTER beside it (inproc, ipc: address + ".data"; tcp: a port of its own, told in the
//   hello):
//           messages with blobs. A snapshot of many megabytes cannot delay a heartbeat.
// and per connecting link a DEALER for each. ROUTERs are MANDATORY (an unroutable frame is seen,
// kept and tried again) and HANDOVER (a reconnecting peer takes its name back); DEALERs are
// IMMEDIATE (nothing queues for a peer that is not there). When a data socket is full the frames
// wait in the link, and credit bounds how many there can be. A peer that dies is seen by its
// missing heartbeats.
//
// Except inproc, every socket speaks CURVE with the run's key (run_key.hpp): who does not hold it
// is cut off in libzmq's handshake. What a stranger can make this process hold is bounded: a part
// of a message is 64 KiB (frame_parts.hpp), a handshake takes 10 s at most, and the connections of
// a socket are counted (zmq_guard.hpp).
#pragma once

#include <memory>
#include <string>
#include <zmq.hpp>

#include "actors/transport/link.hpp"
#include "actors/transport/run_key.hpp"

namespace charter::transport {

class ZmqTransport final : public Transport {
 public:
  // The context outlives the transport. inproc addresses meet within one context, all others among
  // transports of one key.
  explicit ZmqTransport(zmq::context_t& context, RunKey key = make_run_key());
  ~ZmqTransport() override;  // closes every link

  ZmqTransport(const ZmqTransport&) = delete;
  ZmqTransport& operator=(const ZmqTransport&) = delete;

  [[nodiscard]] LinkId bind(LinkOptions options, const std::string& address,
                            LinkEvents events) override;
  [[nodiscard]] LinkId connect(LinkOptions options, const std::string& address,
                               LinkEvents events) override;
  [[nodiscard]] std::optional<uint64_t> send(LinkId link, PeerId peer, uint16_t type,
                                             std::string body,
                                             std::vector<Blob> blobs = {}) override;
  void acknowledge(LinkId link, PeerId peer, uint64_t sequence) override;
  void grant(LinkId link, PeerId peer, int64_t n) override;
  void announce(LinkId link, PeerId peer, uint16_t type, std::string body) override;
  void raise_lineage(LinkId link, int64_t lineage) override;
  void close(LinkId link) override;
  [[nodiscard]] std::string endpoint(LinkId link) const override;
  [[nodiscard]] LinkStats stats(LinkId link) const override;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace charter::transport
