#include "actors/transport/zmq_port.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "actors/transport/zmq_address.hpp"

namespace charter::transport {

namespace {

constexpr size_t kCopyBelow = 2048;  // bytes; a shared part costs an allocation and a lock
constexpr int kDataPerRead = 32;     // messages
constexpr std::chrono::milliseconds kDataTimePerRead{20};
constexpr int kControlPerRead = 1024;
constexpr int kControlHwm = 16384;

std::string routing_id(uint64_t producer) {
  std::string id = "p";  // ids must not begin with a zero byte
  id.append(reinterpret_cast<const char*>(&producer), sizeof producer);
  return id;
}

zmq::message_t shared_message(const void* data, size_t size, std::shared_ptr<const void> owner) {
  if (size < kCopyBelow) return {data, size};
  auto* hint = new std::shared_ptr<const void>(std::move(owner));
  return {const_cast<void*>(data), size,
          [](void*, void* held) { delete static_cast<std::shared_ptr<const void>*>(held); }, hint};
}

}  // namespace

zmq::socket_t ZmqPort::make_socket(const LinkOptions& options, bool control) {
  const bool binds = side_ == LinkEndpoint::Side::kBind;
  zmq::socket_t socket(context_, binds ? zmq::socket_type::router : zmq::socket_type::dealer);
  const auto deadline = static_cast<int>(options.peer_deadline.count());
  const int hwm = control ? kControlHwm : static_cast<int>(options.max_unacknowledged);
  socket.set(zmq::sockopt::linger, static_cast<int>(options.linger.count()));
  socket.set(zmq::sockopt::maxmsgsize, options.max_message_bytes);
  socket.set(zmq::sockopt::sndhwm, hwm);
  socket.set(zmq::sockopt::rcvhwm, hwm);
  socket.set(zmq::sockopt::sndtimeo, 0);
  socket.set(zmq::sockopt::rcvtimeo, 0);
  // ZMQ_HEARTBEAT_IVL stays off: sessions have their own heartbeats, and libzmq 4.3.4's timer
  // aborts the process when it fires on a connection that has just failed ("!_io_error").
  socket.set(zmq::sockopt::handshake_ivl, std::max(deadline, 1000));
  if (binds) {
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::router_handover, true);
  } else {
    socket.set(zmq::sockopt::routing_id, routing_id(options.producer_id));
    socket.set(zmq::sockopt::immediate, true);
    socket.set(zmq::sockopt::reconnect_ivl, 50);
    socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
  }
  return socket;
}

ZmqPort::ZmqPort(zmq::context_t& context, LinkEndpoint::Side side, LinkOptions options,
                 std::string address, LinkEvents events, Time now)
    : context_(context), side_(side), address_(std::move(address)) {
  const bool binds = side == LinkEndpoint::Side::kBind;
  if (binds) require_loopback(address_);
  try {
    control_ = make_socket(options, true);
    data_ = make_socket(options, false);
    if (binds) {
      bind(options);
    } else {
      control_.connect(address_);
    }
  } catch (const zmq::error_t& error) {
    fail_address(binds ? "bind" : "connect to", address_, error.what());
  }
  endpoint_ = std::make_unique<LinkEndpoint>(
      side, std::move(options), wrap(std::move(events)),
      [this](uint64_t key, const Outgoing& frame) { emit(key, frame); }, now);
}

void ZmqPort::bind(LinkOptions& options) {
  if (in_use(address_)) fail_address("bind", address_, "Address already in use");
  control_.bind(address_);
  if (!inproc()) address_ = control_.get(zmq::sockopt::last_endpoint);
  data_address_ = data_address(address_, "*");
  data_.bind(data_address_);
  if (address_.starts_with("tcp://")) {
    data_address_ = data_.get(zmq::sockopt::last_endpoint);
    const std::string port = data_address_.substr(data_address_.rfind(':') + 1);
    options.self.data_port = static_cast<uint16_t>(std::stoul(port));
  }
}

// An inproc DEALER does not find a binder that comes back; a fresh one does.
void ZmqPort::connect_control() {
  control_ = make_socket(endpoint_->options(), true);
  control_.connect(address_);
  control_broken_ = false;
}

void ZmqPort::connect_data(const Hello& hello) {
  const std::string wanted = data_address(address_, std::to_string(hello.data_port));
  if (wanted == data_address_ && !inproc()) return;
  if (!data_address_.empty()) data_ = make_socket(endpoint_->options(), false);
  data_address_ = wanted;
  data_.connect(data_address_);
}

LinkEvents ZmqPort::wrap(LinkEvents events) {
  if (side_ == LinkEndpoint::Side::kConnect) {
    events.peer_up = [this, next = std::move(events.peer_up)](PeerId peer, const Hello& hello) {
      connect_data(hello);
      if (next) next(peer, hello);
    };
  }
  events.peer_down = [this, next = std::move(events.peer_down)](PeerId peer, std::string reason) {
    const uint64_t key = endpoint_->key_of(peer);  // what waits belongs to the session that ended
    std::erase_if(deferred_, [key](const auto& entry) { return entry.first == key; });
    if (next) next(peer, std::move(reason));
  };
  return events;
}

bool ZmqPort::transmit(zmq::socket_t& socket, uint64_t key, const Outgoing& frame) {
  const Payload& payload = *frame.payload;
  const auto header = encode_header(frame.header, payload);
  const bool binds = side_ == LinkEndpoint::Side::kBind;
  // Whether there is room and a route is decided by the first part; the others follow it.
  zmq::message_t first =
      binds ? zmq::message_t(routing_id(key)) : zmq::message_t(header.data(), header.size());
  try {
    if (!socket.send(first, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return false;
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return false;
    throw;
  }
  if (binds) socket.send(zmq::message_t(header.data(), header.size()), zmq::send_flags::sndmore);
  const auto more = [&payload](size_t sent) {
    return sent < payload.blobs.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
  };
  socket.send(shared_message(payload.body.data(), payload.body.size(), frame.payload), more(0));
  for (size_t i = 0; i < payload.blobs.size(); ++i) {
    const Blob& blob = payload.blobs[i];
    socket.send(shared_message(blob.data.get(), blob.size, blob.data), more(i + 1));
  }
  return true;
}

void ZmqPort::emit(uint64_t key, const Outgoing& frame) {
  if (frame.header.kind != FrameKind::kData) {
    // Without a route the peer is gone; hellos and heartbeats repeat what is dropped here.
    if (!transmit(control_, key, frame) && side_ == LinkEndpoint::Side::kConnect) {
      control_broken_ = true;
    }
    return;
  }
  const bool queued = std::any_of(deferred_.begin(), deferred_.end(),
                                  [key](const auto& entry) { return entry.first == key; });
  if (queued && frame.resend) return;  // its first copy is still here, or others are before it
  if (queued || !transmit(data_, key, frame)) deferred_.emplace_back(key, frame);
}

bool ZmqPort::receive(zmq::socket_t& socket, Time now) {
  std::vector<Blob> parts;
  uint64_t route = 0;
  bool more = true;
  bool first = true;
  bool valid = true;
  while (more) {
    auto part = std::make_shared<zmq::message_t>();
    if (!socket.recv(*part, zmq::recv_flags::dontwait)) return false;
    more = part->more();
    if (first && side_ == LinkEndpoint::Side::kBind) {
      valid = part->size() == 1 + sizeof route;
      if (valid) std::memcpy(&route, part->data<char>() + 1, sizeof route);
    } else if (parts.size() < kMaxBlobs + 2) {
      const size_t size = part->size();
      const void* bytes = part->data();
      parts.push_back({std::shared_ptr<const void>(std::move(part), bytes), size});
    } else {
      valid = false;  // read to the end, keep nothing
    }
    first = false;
  }
  if (valid) {
    endpoint_->receive(parts, route, now);
  } else {
    endpoint_->count_malformed();
  }
  return true;
}

void ZmqPort::read(Time now) {
  for (int i = 0; i < kControlPerRead && receive(control_, now); ++i) {
  }
  // Large messages take time to check: heartbeats must go out in between.
  const Time end = std::chrono::steady_clock::now() + kDataTimePerRead;
  for (int i = 0; i < kDataPerRead && receive(data_, now); ++i) {
    if (std::chrono::steady_clock::now() > end) break;
  }
}

void ZmqPort::tick(Time now) {
  // A frame without a route waits; the ones behind it may be for other peers.
  std::deque<std::pair<uint64_t, Outgoing>> waiting;
  waiting.swap(deferred_);
  std::set<uint64_t> blocked;
  for (auto& [key, frame] : waiting) {
    if (!blocked.contains(key) && transmit(data_, key, frame)) continue;
    blocked.insert(key);
    deferred_.emplace_back(key, std::move(frame));
  }
  endpoint_->tick(now);
  if (control_broken_ && inproc() && now - reconnected_ > endpoint_->options().hello_interval) {
    reconnected_ = now;
    connect_control();
  }
}

std::chrono::milliseconds ZmqPort::period() const {
  const LinkOptions& options = endpoint_->options();
  const auto least =
      std::min({options.heartbeat_interval, options.hello_interval, options.retransmit_after});
  return std::clamp(least / 2, std::chrono::milliseconds(2), std::chrono::milliseconds(100));
}

}  // namespace charter::transport
