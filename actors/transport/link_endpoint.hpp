// One end of a link: its sessions, whatever carries the frames. The carriers (zmq_link, sim_link)
// hand in the frames they received and the time, and send what `emit` gives them. Pure apart from
// the callbacks; used by one thread. Callbacks may call back into the endpoint.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/transport/link_session.hpp"

namespace charter::transport {

class LinkEndpoint {
 public:
  enum class Side : uint8_t { kBind, kConnect };
  // key: whom a frame goes to. Bind side: the peer's producer id. Connect side: 0, there is one
  // peer.
  using Emit = std::function<void(uint64_t key, const Outgoing& frame)>;

  // options.producer_id must be set.
  LinkEndpoint(Side side, LinkOptions options, LinkEvents events, Emit emit, Time now);

  // route: the sender as the carrier knows it (bind side), checked against the header.
  void receive(std::span<const Blob> parts, uint64_t route, Time now);
  void tick(Time now);
  void close(Time now);

  // Queues even without credit; callers check available(). key as above; nothing: no such session.
  std::optional<uint64_t> send(uint64_t key, uint16_t type, std::shared_ptr<const Payload> payload,
                               Time now);
  void acknowledge(PeerId peer, uint64_t sequence, Time now);
  void grant(PeerId peer, int64_t n, Time now);
  void announce(PeerId peer, uint16_t type, const std::string& body, Time now);
  void raise_lineage(int64_t lineage, Time now);

  [[nodiscard]] uint64_t key_of(PeerId peer) const { return side_ == Side::kBind ? peer : 0; }
  [[nodiscard]] int64_t available(PeerId peer) const;        // 0: no such peer
  [[nodiscard]] uint64_t next_sequence(uint64_t key) const;  // 0: no such session
  [[nodiscard]] LinkStats stats() const;
  [[nodiscard]] bool greeting() const;  // tick() is needed every few milliseconds
  [[nodiscard]] const LinkOptions& options() const { return options_; }
  void count_malformed() { ++stats_.malformed; }

 private:
  [[nodiscard]] LinkSession* session(PeerId peer);
  [[nodiscard]] LinkSession* session_for(const Frame& frame, Time now);
  void settle(Time now);  // flushes every session, then gives out the events
  void collect(uint64_t key, LinkSession& session, Time now);
  void dispatch(SessionEvent& event);
  void repeat_announcements(PeerId peer);
  void retire(uint64_t key, const std::string& reason, Time now);
  void retire_predecessors(const SessionEvent& up, Time now);

  const Side side_;
  LinkOptions options_;
  LinkEvents events_;
  Emit emit_;
  LinkStats stats_;
  std::map<uint64_t, std::unique_ptr<LinkSession>> sessions_;  // by key
  std::map<uint16_t, std::string> announcements_;              // the last of each type, to all
  std::deque<SessionEvent> pending_;
  bool settling_ = false;
  uint64_t next_sequence_ = 1;  // where the next session's numbering starts
};

}  // namespace charter::transport
