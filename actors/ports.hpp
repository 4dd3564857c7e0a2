// The actor side of links: opens them with callbacks that become CAF messages, sends typed
// messages, and closes them when the actor's state goes. Owned by one actor; the callbacks run on
// the transport's thread and only send to the mailbox.
#pragma once
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/wire.hpp"
#include "actors/wiring.hpp"

namespace charter::actors {

class LinkEnd;

// An actor as the callbacks of its links know it: reached, and not kept alive. A transport drops
// callbacks when it gets to it, and the end of an actor system waits for every holder of an actor.
template <class Handle>
class Recipient {
 public:
  explicit Recipient(const Handle& actor) : actor_(caf::actor_cast<caf::weak_actor_ptr>(actor)) {}

  // What is for an actor that is gone goes nowhere.
  template <class T>
  void send(T message) const {
    if (auto actor = caf::actor_cast<caf::strong_actor_ptr>(actor_))
      caf::anon_send(caf::actor_cast<Handle>(std::move(actor)), std::move(message));
  }
  [[nodiscard]] const caf::weak_actor_ptr& actor() const { return actor_; }

 private:
  caf::weak_actor_ptr actor_;
};

enum class Delivery { kOtherType, kMalformed, kDelivered };

template <class T, class Handle>
Delivery deliver_as(const Recipient<Handle>& to, Peer from, uint64_t sequence,
                    const std::string& body) {
  auto message = transport::decode_body<T>(body);
  if (!message) return Delivery::kMalformed;
  to.send(From<T>{from, sequence, std::move(*message)});
  return Delivery::kDelivered;
}

// Gives the actor the message, if its type is one of those the actor takes on this arrow.
template <class... Received, class Handle>
Delivery deliver(const Recipient<Handle>& to, [[maybe_unused]] Peer from,
                 [[maybe_unused]] uint64_t sequence, [[maybe_unused]] uint16_t type,
                 [[maybe_unused]] const std::string& body) {
  Delivery result = Delivery::kOtherType;
  (void)((type == kWireType<Received> &&
          (result = deliver_as<Received>(to, from, sequence, body), true)) ||
         ...);
  return result;
}

// The peers of one link with their roles, and what the table of arrows lets each say. Used by the
// transport's thread.
class PeerRoles {
 public:
  PeerRoles(Arrow arrow, const std::string& here) : arrow_(arrow), here_(role_of(here).value()) {}

  void up(transport::PeerId peer, const transport::Hello& hello) {
    roles_[peer] = role_of(hello.role);
  }
  void down(transport::PeerId peer) { roles_.erase(peer); }
  [[nodiscard]] bool lets_in(transport::PeerId peer, Passage how, uint16_t type) const {
    const auto found = roles_.find(peer);
    return found != roles_.end() && found->second &&
           may_say(arrow_, how, type, *found->second, here_);
  }

 private:
  Arrow arrow_;
  Role here_;
  std::map<transport::PeerId, std::optional<Role>> roles_;
};

class Ports {
 public:
  Ports() = default;
  Ports(Wiring wiring, std::string role, int32_t index)
      : wiring_(std::move(wiring)), role_(std::move(role)), index_(index) {}
  ~Ports() { close(); }
  Ports(Ports&& other) noexcept { *this = std::move(other); }
  Ports& operator=(Ports&& other) noexcept {
    close();
    wiring_ = std::move(other.wiring_);
    role_ = std::move(other.role_);
    index_ = other.index_;
    links_ = std::exchange(other.links_, {});
    place_ = std::move(other.place_);
    joined_ = std::exchange(other.joined_, {});
    return *this;
  }

  // Writes down what the actor says of itself, and returns it. Nothing before the first link.
  RoleReport say(RoleReport report) {
    place_.say(report);
    return report;
  }

  // Opens the arrow's end. Received: the messages this actor takes on it. credit: how many of them
  // each peer may have outstanding at first.
  template <class... Received, class Handle>
  transport::LinkId bind(const Handle& handle, Arrow arrow, int32_t server, int64_t credit) {
    return open<Received...>(handle, arrow, server, credit, true);
  }
  template <class... Received, class Handle>
  transport::LinkId connect(const Handle& handle, Arrow arrow, int32_t server, int64_t credit) {
    return open<Received...>(handle, arrow, server, credit, false);
  }

  // The message's sequence, or nothing without credit.
  template <class T>
  [[nodiscard]] std::optional<uint64_t> send(Peer to, const T& message) {
    return send(to, kWireType<T>, transport::encode_body(message));
  }
  [[nodiscard]] std::optional<uint64_t> send(Peer to, uint16_t type, const std::string& body);
  // Idempotent, without credit; peer 0: every peer of the link, also those that come up later.
  template <class T>
  void announce(Peer to, const T& message) {
    announce(to, kWireType<T>, transport::encode_body(message));
  }
  void acknowledge(Peer peer, uint64_t sequence) {
    if (sequence != 0) wiring_.transport->acknowledge(peer.link, peer.peer, sequence);
  }
  // A message that decodes and cannot be, or that this peer may not say: counted with those that
  // do not decode, and acknowledged, for sending it again would not make it better.
  void refuse(Peer peer, uint64_t sequence);
  // Throws std::runtime_error with both values when the event says that the server of a joined
  // arrow refuses this actor: what differs does not become equal by waiting.
  void expect_accepted(const LinkEvent& event) const;
  void grant(Peer peer, int64_t n) { wiring_.transport->grant(peer.link, peer.peer, n); }
  [[nodiscard]] const Wiring& wiring() const { return wiring_; }
  void close();

 private:
  template <class... Received, class Handle>
  transport::LinkId open(const Handle& handle, Arrow arrow, int32_t server, int64_t credit,
                         bool bind) {
    using Kind = LinkEvent::Kind;
    // The link's id is known only when bind or connect returns. Both wait for the transport's
    // thread to finish opening, not for the events that follow, so a callback that runs earlier
    // waits here for a moment.
    auto id = std::make_shared<std::atomic<transport::LinkId>>(0);
    const auto from = [id](transport::PeerId peer) {
      transport::LinkId link;
      while ((link = id->load(std::memory_order_acquire)) == 0) std::this_thread::yield();
      return Peer{link, peer};
    };
    const Recipient<Handle> to(handle);
    transport::LinkEvents events;
    const auto table = std::make_shared<PeerRoles>(arrow, role_);
    events.peer_up = [to, from, table](transport::PeerId peer, const transport::Hello& hello) {
      table->up(peer, hello);
      to.send(LinkEvent{.kind = Kind::kUp, .from = from(peer), .hello = hello});
    };
    events.peer_down = [to, from, table](transport::PeerId peer, std::string reason) {
      table->down(peer);
      to.send(LinkEvent{.kind = Kind::kDown, .from = from(peer), .text = std::move(reason)});
    };
    events.acked = [to, from](transport::PeerId peer, uint64_t sequence) {
      to.send(LinkEvent{
          .kind = Kind::kAcked, .from = from(peer), .number = static_cast<int64_t>(sequence)});
    };
    events.credit = [to, from](transport::PeerId peer, int64_t available) {
      to.send(LinkEvent{.kind = Kind::kCredit, .from = from(peer), .number = available});
    };
    events.lost = [to, from](transport::PeerId peer, std::vector<uint64_t> sequences) {
      to.send(
          LinkEvent{.kind = Kind::kLost, .from = from(peer), .sequences = std::move(sequences)});
    };
    events.refused = [to, from](std::string reason) {
      to.send(LinkEvent{.kind = Kind::kRefused, .from = from(0), .text = std::move(reason)});
    };
    const auto end = meter_end(arrow);
    // A message that does not decode, or that this peer may not say here, is counted and refused.
    // It is acknowledged, for sending it again would not make it better, and kept from the actor,
    // whom it must not end. The transport is held by nothing that runs on its thread, where it
    // could not end: it outlives its callbacks.
    events.delivered = [to, from, end, table, wire = wiring_.transport.get()](
                           transport::PeerId peer, uint64_t sequence, uint16_t type,
                           const std::string& body, const std::vector<transport::Blob>&) {
      const Peer source = from(peer);
      const bool good =
          table->lets_in(peer, Passage::kData, type) &&
          deliver<Received...>(to, source, sequence, type, body) == Delivery::kDelivered;
      count_received(end.get(), type, good);
      if (!good) wire->acknowledge(source.link, peer, sequence);
    };
    // Announcements go to every peer of the arrow, also to those that have no use for them.
    events.announced = [to, from, end, table](transport::PeerId peer, uint16_t type,
                                              const std::string& body) {
      const bool good = table->lets_in(peer, Passage::kAnnouncement, type) &&
                        deliver<Received...>(to, from(peer), 0, type, body) != Delivery::kMalformed;
      count_received(end.get(), type, good);
    };
    if (!place_) place_ = wiring_.roster->enter(role_ + "/" + std::to_string(index_), to.actor());
    const auto options = wiring_.options(arrow, role_, index_, credit);
    const auto address = wiring_.addresses.address(arrow, server);
    const auto link = bind ? wiring_.transport->bind(options, address, std::move(events))
                           : wiring_.transport->connect(options, address, std::move(events));
    id->store(link, std::memory_order_release);
    keep(link, arrow, end);
    if (!bind) joined_.insert(link);
    return link;
  }
  void announce(Peer to, uint16_t type, std::string body);
  [[nodiscard]] std::shared_ptr<const LinkEnd> meter_end(
      Arrow arrow) const;  // none without a meter
  static void count_received(const LinkEnd* end, uint16_t type, bool good);
  void keep(transport::LinkId link, Arrow arrow, std::shared_ptr<const LinkEnd> end);

  Wiring wiring_;
  std::string role_;
  int32_t index_ = 0;
  std::map<transport::LinkId, std::shared_ptr<const LinkEnd>> links_;
  std::set<transport::LinkId> joined_;  // of them, those that another serves
  Roster::Place place_;
};

// Messages on their way over one arrow: kept until they are acknowledged, sent as credit allows to
// the peer that has most of it. A tag (a work id, say) says what an acknowledgement was for.
class Outbox {
 public:
  explicit Outbox(Ports* ports = nullptr) : ports_(ports) {}

  template <class T>
  void push(const T& message, int64_t tag) {
    queue_.push_back({kWireType<T>, transport::encode_body(message), tag});
    flush();
  }
  void add_link(transport::LinkId link) { links_.push_back(link); }

  // Feeds an event of any link; those of other links are ignored. Returns the tags it acknowledged.
  std::vector<int64_t> handle(const LinkEvent& event);

  [[nodiscard]] size_t unacknowledged() const { return queue_.size() + sent_.size(); }

 private:
  struct Entry {
    uint16_t type = 0;
    std::string body;
    int64_t tag = 0;
  };
  using Sent = std::map<std::pair<Peer, uint64_t>, Entry>;
  void flush();
  Sent::iterator find_sent(Peer from, uint64_t sequence);

  Ports* ports_;
  std::vector<transport::LinkId> links_;
  std::map<Peer, int64_t> credit_;
  std::deque<Entry> queue_;
  Sent sent_;
};

}  // namespace charter::actors
