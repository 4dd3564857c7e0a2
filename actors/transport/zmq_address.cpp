#include "actors/transport/zmq_address.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace charter::transport {

void require_loopback(const std::string& address) {
  if (!address.starts_with("tcp://")) return;
  const std::string host = address.substr(6, address.rfind(':') - 6);
  if (host.starts_with("127.") || host == "localhost" || host == "[::1]" || host == "lo") return;
  fail_address("bind", address, "not a loopback address; a run does not leave its host");
}

bool in_use(const std::string& address) {
  if (!address.starts_with("ipc://")) return false;
  const std::string path = address.substr(6);
  sockaddr_un file{};
  file.sun_family = AF_UNIX;
  if (path.empty() || path[0] == '@' || path.size() >= sizeof file.sun_path) return false;
  std::memcpy(file.sun_path, path.data(), path.size());
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool used = ::connect(probe, reinterpret_cast<sockaddr*>(&file), sizeof file) == 0;
  ::close(probe);
  return used;
}

std::string data_address(const std::string& address, const std::string& port) {
  if (!address.starts_with("tcp://")) return address + ".data";
  return address.substr(0, address.rfind(':') + 1) + port;
}

void fail_address(const char* verb, const std::string& address, const std::string& why) {
  throw std::runtime_error(std::string("cannot ") + verb + " " + address + ": " + why);
}

}  // namespace charter::transport
