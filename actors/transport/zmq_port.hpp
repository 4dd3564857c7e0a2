// The sockets of one link and the endpoint behind them. Part of zmq_link: used by its socket thread
// only.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "actors/transport/link_endpoint.hpp"
#include "actors/transport/zmq_guard.hpp"
#include "actors/transport/zmq_link.hpp"

namespace charter::transport {

class ZmqPort {
 public:
  // Binds or connects. Throws std::runtime_error, one line with the address.
  ZmqPort(zmq::context_t& context, const RunKey& key, LinkEndpoint::Side side, LinkOptions options,
          std::string address, LinkEvents events, Time now);
  ~ZmqPort();
  ZmqPort(const ZmqPort&) = delete;
  ZmqPort& operator=(const ZmqPort&) = delete;

  // Control first and all of it; then a bounded number of data messages, so that control is never
  // late.
  void read(Time now);
  void tick(Time now);  // deadlines, and frames that found no room before
  void watch_connections(Time now);

  [[nodiscard]] LinkEndpoint& endpoint() { return *endpoint_; }
  [[nodiscard]] const std::string& address() const { return address_; }  // resolved
  [[nodiscard]] zmq::socket_t& control() { return control_; }
  [[nodiscard]] zmq::socket_t& data() { return data_; }
  // Become readable when somebody connects; empty where nobody can.
  [[nodiscard]] const std::vector<std::unique_ptr<ConnectionGuard>>& guards() { return guards_; }
  [[nodiscard]] LinkStats stats() const;
  [[nodiscard]] bool waiting() const { return !deferred_.empty() || endpoint_->greeting(); }
  [[nodiscard]] std::chrono::milliseconds period() const;  // how often tick must run

 private:
  [[nodiscard]] zmq::socket_t make_socket(const LinkOptions& options, bool control);
  void bind(LinkOptions& options);
  void connect_control();
  void connect_data(const Hello& hello);
  void emit(uint64_t key, const Outgoing& frame);
  [[nodiscard]] bool transmit(zmq::socket_t& socket, uint64_t key, const Outgoing& frame);
  void send_part(zmq::socket_t& socket, const void* data, size_t size,
                 const std::shared_ptr<const void>& owner, bool last);
  bool receive(zmq::socket_t& socket, Time now);
  [[nodiscard]] LinkEvents wrap(LinkEvents events);
  [[nodiscard]] bool inproc() const { return address_.starts_with("inproc://"); }

  zmq::context_t& context_;
  const RunKey& key_;
  const LinkEndpoint::Side side_;
  std::string address_;
  std::string data_address_;
  zmq::socket_t control_;
  zmq::socket_t data_;
  std::vector<std::unique_ptr<ConnectionGuard>> guards_;  // of the two, which outlive them
  std::unique_ptr<LinkEndpoint> endpoint_;
  std::deque<std::pair<uint64_t, Outgoing>>
      deferred_;  // data frames without room; credit bounds it
  bool control_broken_ = false;
  Time reconnected_{};
};

}  // namespace charter::transport
