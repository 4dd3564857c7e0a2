#include "actors/transport/run_key.hpp"

#include <array>
#include <stdexcept>
#include <zmq.hpp>

namespace charter::transport {
namespace {

constexpr size_t kDigits = 40;               // Z85 of 32 bytes
using Text = std::array<char, kDigits + 1>;  // and the end

}  // namespace

RunKey make_run_key() {
  Text shared{}, secret{};
  if (::zmq_curve_keypair(shared.data(), secret.data()) != 0)
    throw std::runtime_error("libzmq: made without CURVE; links between processes need it");
  return {.secret = secret.data(), .shared = shared.data()};
}

RunKey run_key(const std::string& secret) {
  Text shared{};
  if (secret.size() != kDigits || ::zmq_curve_public(shared.data(), secret.c_str()) != 0)
    throw std::runtime_error("the run's key: got " + std::to_string(secret.size()) +
                             " characters that are none, expected 40 of Z85");
  return {.secret = secret, .shared = shared.data()};
}

}  // namespace charter::transport
