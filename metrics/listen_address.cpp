#include "metrics/listen_address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace charter::metrics {
namespace {

std::runtime_error malformed(const std::string& text) {
  return std::runtime_error("metrics address " + text +
                            ": expected HOST:PORT, such as 127.0.0.1:9400, localhost:9400 or "
                            "[::1]:9400, port 0 to 65535");
}

struct Parts {
  std::string host;  // without brackets
  uint16_t port = 0;
};

Parts split(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) throw malformed(text);
  Parts parts{.host = text.substr(0, colon)};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, parts.port);
  if (error != std::errc{} || rest != end) throw malformed(text);
  const bool bracketed = parts.host.front() == '[' && parts.host.back() == ']';
  if (bracketed) parts.host = parts.host.substr(1, parts.host.size() - 2);
  // Colons are part of an IPv6 address, and of nothing else.
  if (parts.host.empty() || bracketed != (parts.host.find(':') != std::string::npos))
    throw malformed(text);
  return parts;
}

void set_port(ListenAddress& address, uint16_t port) {
  address.port = port;
  if (address.socket.ss_family == AF_INET6)
    reinterpret_cast<sockaddr_in6&>(address.socket).sin6_port = htons(port);
  else
    reinterpret_cast<sockaddr_in&>(address.socket).sin_port = htons(port);
}

ListenAddress from(const addrinfo& found, uint16_t port) {
  ListenAddress address;
  std::memcpy(&address.socket, found.ai_addr, found.ai_addrlen);
  address.size = found.ai_addrlen;
  char host[NI_MAXHOST] = {};
  ::getnameinfo(found.ai_addr, found.ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  address.host = host;
  set_port(address, port);
  return address;
}

}  // namespace

ListenAddress ListenAddress::with_port(uint16_t other) const {
  ListenAddress result = *this;
  set_port(result, other);
  return result;
}

std::string ListenAddress::text() const {
  const bool six = socket.ss_family == AF_INET6;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string listen_problem(const ListenAddress& address) {
  const int fd = ::socket(address.socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool bound =
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address.socket), address.size) == 0 &&
      ::listen(fd, 1) == 0;
  const int error = bound ? 0 : errno;
  ::close(fd);
  if (error == 0) return {};
  return error == EADDRINUSE ? "in use" : std::strerror(error);
}

ListenAddress resolve(const std::string& text) {
  const Parts parts = split(text);
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(parts.host.c_str(), nullptr, &hints, &found); error != 0)
    throw std::runtime_error("metrics address " + text + ": " + parts.host + ": " +
                             ::gai_strerror(error) + "; expected a name or address of this host");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  const addrinfo* chosen = found;
  while (chosen->ai_family != AF_INET && chosen->ai_next != nullptr) chosen = chosen->ai_next;
  if (chosen->ai_family != AF_INET) chosen = found;
  auto address = from(*chosen, parts.port);
  if (const auto problem = listen_problem(address.with_port(0)); !problem.empty())
    throw std::runtime_error("metrics address " + text + ": " + problem +
                             "; expected a name or address of this host");
  return address;
}

}  // namespace charter::metrics
