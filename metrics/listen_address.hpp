// Where a process serves its metrics: HOST:PORT as a person writes it, resolved to an address of
// this host.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace charter::metrics {

struct ListenAddress {
  std::string host;   // numeric, without brackets
  uint16_t port = 0;  // 0: the system chooses
  sockaddr_storage socket{};
  socklen_t size = 0;

  [[nodiscard]] ListenAddress with_port(uint16_t other) const;
  // "127.0.0.1:9400", "[::1]:9400".
  [[nodiscard]] std::string text() const;
};

// text: "HOST:PORT", where HOST is a name ("localhost"), an IPv4 address, or an IPv6 address in
// brackets ("[::1]:9400"). A name that has both gives its IPv4 address. Throws std::runtime_error
// with one line when it is malformed, does not resolve, or is no address of this host.
[[nodiscard]] ListenAddress resolve(const std::string& text);

// Why nobody can listen there now, or "" ("in use", "Permission denied").
[[nodiscard]] std::string listen_problem(const ListenAddress& address);

}  // namespace charter::metrics
