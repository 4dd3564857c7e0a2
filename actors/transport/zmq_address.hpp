// The addresses of a link. Part of zmq_link.
#pragma once

#include <string>

namespace charter::transport {

// Throws std::runtime_error when the address is tcp and not loopback.
void require_loopback(const std::string& address);

// Whether somebody listens at this address, if it is an ipc one: libzmq takes over a socket file
// without asking, so a live listener has to be looked for. Other addresses it refuses itself.
[[nodiscard]] bool in_use(const std::string& address);

// Of the data socket beside the control socket at `address`: on tcp at `port`.
[[nodiscard]] std::string data_address(const std::string& address, const std::string& port);

// Throws std::runtime_error: "cannot <verb> <address>: <why>".
[[noreturn]] void fail_address(const char* verb, const std::string& address,
                               const std::string& why);

}  // namespace charter::transport
