#include "actors/transport/zmq_port.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "actors/transport/frame_parts.hpp"
#include "actors/transport/zmq_address.hpp"

namespace charter::transport {

namespace {

constexpr size_t kCopyBelow = 2048;  // bytes; a shared part costs an allocation and a lock
constexpr int kDataPerRead = 32;     // messages
constexpr std::chrono::milliseconds kDataTimePerRead{20};
constexpr int kControlPerRead = 1024;
constexpr int kControlHwm = 16384;
constexpr int64_t kEncryptionBytes = 64;  // what CURVE adds to a piece is less
constexpr size_t kStrangers = 16;  // connections whose handshake is under way, beside the peers'

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
  const int hwm = control ? kControlHwm : static_cast<int>(options.max_unacknowledged);
  socket.set(zmq::sockopt::linger, static_cast<int>(options.linger.count()));
  socket.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(kPieceBytes) + kEncryptionBytes);
  socket.set(zmq::sockopt::sndhwm, hwm);
  socket.set(zmq::sockopt::rcvhwm, hwm);
  socket.set(zmq::sockopt::sndtimeo, 0);
  socket.set(zmq::sockopt::rcvtimeo, 0);
  // ZMQ_HEARTBEAT_IVL stays off: sessions have their own heartbeats, and libzmq 4.3.4's timer
  // aborts the process when it fires on a connection that has just failed ("!_io_error").
  socket.set(zmq::sockopt::handshake_ivl, static_cast<int>(kHandshake.count()));
  socket.set(zmq::sockopt::curve_secretkey, key_.secret);
  socket.set(zmq::sockopt::curve_publickey, key_.shared);
  if (binds) {
    socket.set(zmq::sockopt::curve_server, true);
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::router_handover, true);
  } else {
    socket.set(zmq::sockopt::curve_serverkey, key_.shared);
    socket.set(zmq::sockopt::routing_id, routing_id(options.producer_id));
    socket.set(zmq::sockopt::immediate, true);
    socket.set(zmq::sockopt::reconnect_ivl, 50);
    socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
  }
  return socket;
}

ZmqPort::ZmqPort(zmq::context_t& context, const RunKey& key, LinkEndpoint::Side side,
                 LinkOptions options, std::string address, LinkEvents events, Time now)
    : context_(context), key_(key), side_(side), address_(std::move(address)) {
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

// An inproc name is free at once where its socket gives it up, and some time later where the socket
// is only closed. What is on its way to the peers is not touched.
ZmqPort::~ZmqPort() {
  if (side_ != LinkEndpoint::Side::kBind || !inproc()) return;
  try {
    control_.unbind(address_);
    data_.unbind(data_address_);
  } catch (const zmq::error_t&) {  // the context is gone, and every name with it
  }
}

void ZmqPort::bind(LinkOptions& options) {
  if (in_use(address_)) fail_address("bind", address_, "Address already in use");
  if (!inproc()) {
    const size_t most = options.max_peers + kStrangers;
    for (zmq::socket_t* socket : {&control_, &data_})
      guards_.push_back(std::make_unique<ConnectionGuard>(context_, *socket, most));
  }
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
  // Whether there is room and a route is decided by the first piece; the others follow it.
  zmq::message_t first =
      binds ? zmq::message_t(routing_id(key)) : zmq::message_t(header.data(), header.size());
  try {
    if (!socket.send(first, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return false;
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return false;
    throw;
  }
  if (binds) socket.send(zmq::message_t(header.data(), header.size()), zmq::send_flags::sndmore);
  const auto& blobs = payload.blobs;
  send_part(socket, payload.body.data(), payload.body.size(), frame.payload, blobs.empty());
  for (size_t i = 0; i < blobs.size(); ++i)
    send_part(socket, blobs[i].data.get(), blobs[i].size, blobs[i].data, i + 1 == blobs.size());
  return true;
}

// last: of the frame.
void ZmqPort::send_part(zmq::socket_t& socket, const void* data, size_t size,
                        const std::shared_ptr<const void>& owner, bool last) {
  const size_t count = pieces(size);
  for (size_t i = 0; i < count; ++i) {
    const auto* piece = static_cast<const char*>(data) + i * kPieceBytes;
    const size_t bytes = std::min(kPieceBytes, size - i * kPieceBytes);
    const bool more = !last || i + 1 < count;
    socket.send(shared_message(piece, bytes, owner),
                more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
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
  PartJoiner joiner(kMaxBlobs + 2, kHeaderBytes + endpoint_->options().max_message_bytes);
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
    } else {
      const size_t size = part->size();
      const void* bytes = part->data();
      joiner.add({std::shared_ptr<const void>(std::move(part), bytes), size});
    }
    first = false;
  }
  if (valid) {
    endpoint_->receive(joiner.take(), route, now);
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

void ZmqPort::watch_connections(Time now) {
  for (const auto& guard : guards_) guard->read(now);
}

LinkStats ZmqPort::stats() const {
  LinkStats stats = endpoint_->stats();
  for (const auto& guard : guards_) {
    stats.connections += guard->connections();
    stats.connections_refused += guard->refused();
  }
  return stats;
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
