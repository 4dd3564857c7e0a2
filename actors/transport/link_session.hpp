// The protocol between one pair of endpoints, as a pure state machine: frames, calls and the time
// go in, frames and events come out. No sockets, clocks or threads, so the ZeroMQ link and the
// simulated one run the same code. Used by one thread.
//
// Opening. Each side numbers its attempts (attach) and says hello with its number and the other's
// (echo). A side is up when a valid hello echoes the number it offers; every other frame must carry
// both numbers, so what was sent in an earlier session of the same pair is recognised and dropped.
// Whoever is not up repeats its hello, so a lost one delays and never blocks.
//
// Invariants
//  1. A message stays in the outbox until the peer acknowledged it or it is reported lost.
//  2. At most `window` transmitted messages are unacknowledged, also after a re-opening.
//  3. A sequence of one producer is delivered once, as long as this object lives.
//  4. State frames carry facts (these are acknowledged, the window is w), never increments: losing,
//     repeating or reordering them does no harm, and each heartbeat repeats them all.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/transport/frame.hpp"
#include "actors/transport/link.hpp"

namespace charter::transport {

using Time = std::chrono::steady_clock::time_point;

struct Outgoing {
  FrameHeader header;
  std::shared_ptr<const Payload> payload;
  bool resend = false;  // a data frame whose receipt is overdue
};

struct SessionEvent {
  enum class Kind : uint8_t {
    kUp,
    kDown,
    kDelivered,
    kAcked,
    kCredit,
    kLost,
    kAnnounced,
    kRefused
  };
  Kind kind = Kind::kUp;
  PeerId peer = 0;
  Hello hello{};                      // kUp
  uint64_t sequence = 0;              // kDelivered, kAcked
  uint16_t type = 0;                  // kDelivered, kAnnounced
  std::string text{};                 // kDelivered, kAnnounced: body; kDown, kRefused: reason
  std::vector<Blob> blobs{};          // kDelivered
  int64_t available = 0;              // kCredit
  std::vector<uint64_t> sequences{};  // kLost
};

// Why the two cannot talk: the first field that differs, with both values. Empty: they can.
[[nodiscard]] std::string hello_mismatch(const Hello& peer, const LinkOptions& here);

// Between the first two hellos; each wait is twice the one before, up to
// LinkOptions::hello_interval.
constexpr std::chrono::milliseconds kFirstHelloWait{10};

class LinkSession {
 public:
  // options (with producer_id set) and stats outlive the session. first_sequence: above all this
  // endpoint has used, because a peer that outlived an earlier session remembers those.
  LinkSession(const LinkOptions& options, uint64_t first_sequence, LinkStats& stats, Time now);

  void receive(const Frame& frame, Time now);
  // Deadlines, heartbeats, hellos, resends. Call it at least a few times per heartbeat interval.
  void tick(Time now);
  // Transmits what the window allows and reports what changed. Call it after receive and the calls
  // below.
  void flush(Time now);

  // Always accepted, and transmitted when the window allows: the caller checks available() first.
  uint64_t send(uint16_t type, std::shared_ptr<const Payload> payload);
  void acknowledge(uint64_t sequence);
  void grant(int64_t n);
  void announce(uint16_t type, const std::string& body);
  // The lineage is options.self.lineage, which the owner has raised: gives up the outbox, opens
  // anew.
  void lineage_raised(Time now);
  void close(Time now, const std::string& reason);  // says goodbye and reports the outbox lost
  void give_up();  // empties the outbox; an event names what it held

  // Its next hello is due sooner than usual.
  [[nodiscard]] bool greeting() const { return !up_ && hello_wait_ < options_.hello_interval; }
  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] PeerId peer() const { return remote_.producer; }
  [[nodiscard]] const Hello& peer_hello() const { return remote_.hello; }
  [[nodiscard]] int64_t available() const;
  [[nodiscard]] uint64_t next_sequence() const { return next_sequence_; }
  [[nodiscard]] size_t unacknowledged() const { return outbox_.size(); }
  [[nodiscard]] Time down_since() const { return down_since_; }

  // What came out since the last call.
  [[nodiscard]] std::vector<Outgoing> take_frames() { return std::exchange(frames_, {}); }
  [[nodiscard]] std::vector<SessionEvent> take_events() { return std::exchange(events_, {}); }

 private:
  struct Remote {
    uint64_t producer = 0;
    uint64_t attach = 0;
    Hello hello;
  };
  struct Sent {
    uint16_t type = 0;
    std::shared_ptr<const Payload> payload;
    bool transmitted = false;  // in this session
    bool received = false;     // a receipt came: no resend in this session
    int attempts = 0;
    Time sent_at{};
  };

  void receive_hello(const Frame& frame, Time now);
  void receive_data(const Frame& frame);
  void receive_state(const Frame& frame);
  void refuse(const Frame& frame, const std::string& reason, Time now);
  void come_up(const Remote& remote, Time now);
  void go_down(const std::string& reason, Time now);
  void send_hello(uint64_t attach, uint64_t echo, bool wants_reply, Time now);
  void send_state(bool complete, Time now);
  void transmit(uint64_t sequence, Sent& sent, bool resend, Time now);
  void settle_below(uint64_t floor);
  void report_credit();
  [[nodiscard]] FrameHeader header(FrameKind kind) const;

  const LinkOptions& options_;
  LinkStats& stats_;
  std::vector<Outgoing> frames_;
  std::vector<SessionEvent> events_;

  bool up_ = false;
  uint64_t attach_ = 0;  // ours in the current session; attach_ + 1 is what we offer for the next
  Remote remote_;        // the session's other side, kept while down
  Remote candidate_;     // who said hello last and is not remote_
  Time last_heard_{}, next_heartbeat_{}, next_hello_{}, down_since_{}, refused_at_{};
  std::chrono::milliseconds hello_wait_;  // to the hello after the next
  std::string refused_reason_;

  // As a sender.
  std::map<uint64_t, Sent> outbox_;
  uint64_t next_sequence_;
  int64_t window_ = 0;       // what the peer granted
  int64_t transmitted_ = 0;  // of the outbox, in this session
  int64_t reported_credit_ = 0;

  // As a receiver.
  std::map<uint64_t, bool> received_;  // from floor_: sequence -> acknowledged
  uint64_t floor_ = 1;                 // all below are settled
  std::set<uint64_t> held_;            // received in this session, not acknowledged
  int64_t granted_ = 0;
  bool changed_ = false;  // something to tell in a state frame
  std::vector<uint64_t> news_acked_, news_received_;
};

}  // namespace charter::transport
