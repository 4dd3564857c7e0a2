#include "actors/transport/zmq_guard.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace charter::transport {
namespace {

constexpr int kWanted = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED;

constexpr std::chrono::milliseconds kSlack{500};  // libzmq's clock starts a little later
constexpr int kEventsPerRead = 4096;              // a flood must not keep the thread from its links

struct Event {
  uint16_t what = 0;
  int32_t value = 0;  // the connection's file descriptor; of a handshake nothing
};

// The event's first part holds its number and value, the second an address.
bool take(zmq::socket_t& events, Event& event) {
  zmq::message_t part;
  if (!events.recv(part, zmq::recv_flags::dontwait)) return false;
  if (part.size() == sizeof event.what + sizeof event.value) {
    std::memcpy(&event.what, part.data(), sizeof event.what);
    std::memcpy(&event.value, part.data<char>() + sizeof event.what, sizeof event.value);
  }
  while (part.more() && events.recv(part, zmq::recv_flags::dontwait)) {
  }
  return true;
}

}  // namespace

ConnectionGuard::ConnectionGuard(zmq::context_t& context, zmq::socket_t& socket, size_t most)
    : socket_(socket), events_(context, zmq::socket_type::pair), most_(most) {
  // Unique in the context as long as this object lives.
  const std::string address = "inproc://guard-" + std::to_string(reinterpret_cast<uintptr_t>(this));
  if (::zmq_socket_monitor(socket.handle(), address.c_str(), kWanted) != 0) throw zmq::error_t();
  events_.set(zmq::sockopt::linger, 0);
  events_.connect(address);
}

// While it reports, libzmq's thread may wait for room; what ends the monitor waits for the report.
ConnectionGuard::~ConnectionGuard() {
  read(std::chrono::steady_clock::now());
  ::zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

void ConnectionGuard::read(std::chrono::steady_clock::time_point now) {
  Event event;
  for (int i = 0; i < kEventsPerRead && take(events_, event); ++i, event = {}) {
    if (event.what == ZMQ_EVENT_ACCEPTED) {
      ++accepted_;
      since_[event.value] = now;
      if (since_.size() > most_) cut_one(now);
    } else if (event.what == ZMQ_EVENT_DISCONNECTED) {
      since_.erase(event.value);
    } else if (event.what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      ++proven_;
    }
  }
  // Which connection a handshake was of is not told. Those that stand for longer than one may take
  // are among the proven.
  const auto young = static_cast<uint64_t>(std::ranges::count_if(
      since_, [now](const auto& entry) { return now - entry.second < kHandshake + kSlack; }));
  if (accepted_ > proven_ + young) refused_ = std::max(refused_, accepted_ - proven_ - young);
  // All others have ended: those that stand are proven, however young they are.
  if (accepted_ == proven_ + refused_)
    for (auto& [fd, since] : since_) since = std::min(since, now - kHandshake - kSlack);
}

void ConnectionGuard::cut_one(std::chrono::steady_clock::time_point now) {
  const auto age = [now](const auto& entry) { return now - entry.second; };
  // The oldest whose handshake may be under way; failing that, the one that came last.
  const auto worse = [&](const auto& a, const auto& b) {
    const bool a_proven = age(a) >= kHandshake, b_proven = age(b) >= kHandshake;
    if (a_proven != b_proven) return b_proven;
    return a_proven ? age(a) < age(b) : age(a) > age(b);
  };
  const auto victim = std::min_element(since_.begin(), since_.end(), worse);
  // Not closed, which is libzmq's to do. If it has done so a moment ago and the number is another
  // connection's by now, that one connects again; of what is no socket this is no operation.
  ::shutdown(victim->first, SHUT_RDWR);
  since_.erase(victim);
}

}  // namespace charter::transport
