// The links actors talk over, independent of what carries the bytes.
//
// A link connects one bound endpoint with any number of connecting ones. Each pair of endpoints is
// a session: it is up between peer_up and peer_down. Both sides may send data; each side grants the
// other the right to have N messages outstanding (sent, not yet acknowledged). Delivery is
// at-least-once on the wire and duplicates are suppressed by (producer, sequence), so a handler
// sees each message once as long as its own process lives; after a restart of the receiver, what it
// had not acknowledged is delivered again to its successor.
//
//   peer_up -> grant(n) -> delivered -> (commit or buffer it) -> acknowledge(sequence)
//
// Credit: available = window - outstanding. grant(n) raises the window of the current session;
// acknowledge frees one place. peer_down voids the window: grant again in the next peer_up, or let
// LinkOptions::initial_credit do it. With nothing granted the other side cannot send.
//
// peer_down does not cancel messages: they stay with the link and are resent when the same peer is
// back (connect side: whoever answers at the address, also a restarted process). The bind side
// gives up after `retention`, or at once when a new process with the same role and index says
// hello; `lost` then names the sequences, so that the sender can give the work to someone else.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/transport/blob.hpp"

namespace charter::transport {

using PeerId = uint64_t;  // the peer's producer id: one living endpoint, new after a restart
using LinkId = uint64_t;
inline constexpr PeerId kAllPeers = 0;

// What each side says of itself when a session opens. Both sides check run_id, lineage and the
// hashes for equality; a hash of 0 says "I have none" and matches all. A mismatch is refused with
// both values in the text.
struct Hello {
  // "rollout", "reward"...; what follows a colon is a name within the role ("node:engine").
  std::string role;
  int32_t index = 0;  // which one of that role
  uint64_t run_id = 0;
  int64_t lineage = 0;
  uint64_t schema_hash = 0;  // codec.hpp: schema_hash<Messages...>()
  uint64_t model_hash = 0;
  uint64_t tokenizer_hash = 0;
  std::string options;     // whatever the roles agree on, e.g. JSON; not checked
  uint16_t data_port = 0;  // set by the transport: where a tcp link's data socket is bound
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, Hello& x) {
  return f(x.role, x.index, x.run_id, x.lineage, x.schema_hash, x.model_hash, x.tokenizer_hash,
           x.options, x.data_port);
}

// Of "node:engine" it is "node".
[[nodiscard]] inline std::string_view role_kind(std::string_view role) {
  return role.substr(0, role.find(':'));
}

// Peers of this kind whose index is below `count`.
struct AcceptedRole {
  std::string kind;
  int32_t count = 1;
};

struct LinkOptions {
  Hello self;
  std::vector<AcceptedRole> accept;  // whom the handshake lets in; empty: any
  int64_t initial_credit = 0;        // granted to each peer when it comes up
  size_t max_unacknowledged =
      1024;                  // messages kept for resending, per peer; more are refused by send
  size_t max_peers = 1024;   // bind side; as many connections may stand, and a few strangers'
  uint64_t producer_id = 0;  // 0: a random one; tests and the simulation set it
  std::chrono::milliseconds heartbeat_interval{500};
  std::chrono::milliseconds peer_deadline{5000};     // silence after which the peer is down
  std::chrono::milliseconds hello_interval{200};     // between attempts to open a session
  std::chrono::milliseconds retransmit_after{2000};  // without a receipt
  std::chrono::milliseconds retention{
      30000};                             // bind side: how long a silent peer's messages are kept
  std::chrono::milliseconds linger{500};  // close: bound on flushing what is in the sockets
  size_t max_message_bytes = size_t{1} << 30;  // body and blobs of one message; more is refused
};

// All are optional. Called on the transport's thread, in order for one peer: they must return soon
// and may call the transport. An exception from one is a fault of the program.
struct LinkEvents {
  std::function<void(PeerId, const Hello&)> peer_up;
  std::function<void(PeerId, std::string reason)> peer_down;
  std::function<void(PeerId, uint64_t sequence, uint16_t type, std::string body,
                     std::vector<Blob> blobs)>
      delivered;
  std::function<void(PeerId, uint64_t sequence)> acked;
  // After the available credit rose, and with 0 after peer_down.
  std::function<void(PeerId, int64_t available)> credit;
  // The link gave up on these: the peer did not come back, or their lineage was left.
  std::function<void(PeerId, std::vector<uint64_t> sequences)> lost;
  std::function<void(PeerId, uint16_t type, std::string body)> announced;
  // A session that could not open, with both values of what differs. Attempts go on.
  std::function<void(std::string reason)> refused;
};

// Totals since the link was made, over all its peers.
struct LinkStats {
  uint64_t data_sent = 0;       // distinct messages handed to the wire
  uint64_t data_delivered = 0;  // distinct messages given to `delivered`
  uint64_t acknowledged = 0;    // of data_sent, by the peers
  uint64_t retransmitted = 0;
  uint64_t duplicates = 0;       // received again and suppressed
  uint64_t frames_sent = 0;      // control and data
  uint64_t frames_received = 0;  // that decoded
  uint64_t bytes_sent = 0;       // body and blobs of data frames
  uint64_t bytes_received = 0;
  uint64_t malformed = 0;      // frames refused by size, version or checksum
  uint64_t stale_lineage = 0;  // frames of an older lineage
  uint64_t foreign = 0;        // well-formed, but of another run or session
  uint64_t handshakes_refused = 0;
  uint64_t connections_refused = 0;  // did not prove in time that they hold the key, or too many
  uint64_t lost = 0;                 // messages given up
  // Gauges.
  uint64_t peers_up = 0;
  uint64_t connections = 0;     // that stand at the bound sockets
  uint64_t unacknowledged = 0;  // messages sent and kept
  int64_t credits_available = 0;
};

// Every method may be called from any thread and returns without waiting for the network, except
// bind, connect and close, which wait for the transport's thread. bind and connect may not be
// called from an event; a link closed from an event closes once the event has returned. An unknown
// LinkId or PeerId is a normal outcome: a peer can leave at any moment.
class Transport {
 public:
  virtual ~Transport() = default;

  // Addresses: inproc://name, ipc:///path, tcp://host:port (bind: port may be *).
  // Throws std::runtime_error with one line naming the address when it cannot be bound (in use,
  // malformed, not loopback) or is malformed. A peer that does not answer is no
  // error.
  [[nodiscard]] virtual LinkId bind(LinkOptions options, const std::string& address,
                                    LinkEvents events) = 0;
  [[nodiscard]] virtual LinkId connect(LinkOptions options, const std::string& address,
                                       LinkEvents events) = 0;

  // Returns the message's sequence, which `acked` or `lost` will name, or nothing when there is no
  // credit or no such peer; nothing is queued then. Call it again after `credit`. Throws
  // std::invalid_argument when the message has more than LinkOptions::max_message_bytes.
  [[nodiscard]] virtual std::optional<uint64_t> send(LinkId link, PeerId peer, uint16_t type,
                                                     std::string body,
                                                     std::vector<Blob> blobs = {}) = 0;
  // The message is owned (committed, or in a buffer a checkpoint covers): frees one credit.
  virtual void acknowledge(LinkId link, PeerId peer, uint64_t sequence) = 0;
  virtual void grant(LinkId link, PeerId peer, int64_t n) = 0;  // n < 0 shrinks the window
  // Small idempotent messages (a version, a state) on the control channel, without credit or
  // acknowledgement. The last one of each type for kAllPeers is repeated to every peer that comes
  // up.
  virtual void announce(LinkId link, PeerId peer, uint16_t type, std::string body) = 0;
  // After a restore: messages of the older lineage are given up (`lost`) and sessions open anew.
  virtual void raise_lineage(LinkId link, int64_t lineage) = 0;
  // Tells the peers and flushes for at most `linger` in the background. No event comes after it
  // returns.
  virtual void close(LinkId link) = 0;

  // The resolved address, e.g. with the port chosen for tcp://127.0.0.1:*. Empty: no such link.
  [[nodiscard]] virtual std::string endpoint(LinkId link) const = 0;
  [[nodiscard]] virtual LinkStats stats(LinkId link) const = 0;
};

}  // namespace charter::transport
