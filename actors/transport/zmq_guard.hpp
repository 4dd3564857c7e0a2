// Who connects to a bound socket: counts the connections and cuts off what is too many. libzmq
// takes every connection that comes, and its ipc listener ends the process when there is no file
// descriptor left for one. Part of zmq_link: used by its socket thread only.
//
// libzmq ends a connection whose handshake takes longer than kHandshake. So one that has stood for
// that long holds the run's key, and a younger one may be a stranger's: these are cut first, the
// oldest before the others. A peer that was cut by mistake connects again.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <zmq.hpp>

namespace charter::transport {

// Long enough for two processes that wait for a busy machine's cores.
inline constexpr std::chrono::milliseconds kHandshake{10000};

class ConnectionGuard {
 public:
  // Before the socket is bound. most: connections that may stand at once.
  ConnectionGuard(zmq::context_t& context, zmq::socket_t& socket, size_t most);
  ~ConnectionGuard();
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

  // Takes up what has happened, and cuts. Called whenever events() is readable; until then libzmq
  // keeps what it has to tell, and takes no further connections after a thousand.
  void read(std::chrono::steady_clock::time_point now);
  [[nodiscard]] zmq::socket_t& events() { return events_; }

  [[nodiscard]] size_t connections() const { return since_.size(); }
  // Connections that ended, or were cut, before they proved anything. A young one that stands is
  // not counted yet, so the number may be late by as much as a handshake may take.
  [[nodiscard]] uint64_t refused() const { return refused_; }

 private:
  void cut_one(std::chrono::steady_clock::time_point now);

  zmq::socket_t& socket_;
  zmq::socket_t events_;
  size_t most_;
  uint64_t accepted_ = 0, proven_ = 0, refused_ = 0;
  std::map<int, std::chrono::steady_clock::time_point> since_;  // by file descriptor
};

}  // namespace charter::transport
