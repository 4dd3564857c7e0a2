#include "actors/wiring.hpp"

#include <stdexcept>
#include <string_view>

#include "actors/transport/zmq_address.hpp"

namespace charter::actors {

std::string AddressBook::address(Arrow arrow, int32_t index) const {
  const std::string end = std::string(name(arrow)) + "-" + std::to_string(index);
  if (transport == "inproc") return "inproc://charter-" + run_id + "-" + end;
  if (transport == "ipc") return "ipc://" + ipc_directory + "/" + end;
  return "tcp://127.0.0.1:" +
         std::to_string(tcp_base_port + kMaxServers * static_cast<int32_t>(arrow) + index);
}

std::string AddressBook::longest_socket() const {
  constexpr std::string_view kScheme = "ipc://";
  AddressBook ipc = *this;
  ipc.transport = "ipc";
  std::string longest;
  for (int32_t arrow = 0; arrow <= static_cast<int32_t>(Arrow::kControl); ++arrow) {
    const auto control = ipc.address(static_cast<Arrow>(arrow), kMaxServers - 1);
    for (const auto& socket : {control, transport::data_address(control, "")})
      if (socket.size() - kScheme.size() > longest.size()) longest = socket.substr(kScheme.size());
  }
  return longest;
}

transport::LinkOptions Wiring::options(Arrow arrow, const std::string& role, int32_t index,
                                       int64_t credit) const {
  const auto here = role_of(role);
  if (!here) throw std::invalid_argument("role: " + role + ", expected one of actors/arrows.hpp");
  transport::LinkOptions options;
  options.self = hello;
  options.self.role = role;
  options.self.index = index;
  if (!shares_tokens(arrow)) options.self.model_hash = options.self.tokenizer_hash = 0;
  options.initial_credit = credit;
  options.accept = accepted(arrow, *here, counts);
  if (options.accept.empty())
    throw std::invalid_argument("role: " + role + ", expected one with a part in the arrow " +
                                name(arrow));
  options.max_peers = 0;
  for (const auto& peer : options.accept)  // and each may have a successor
    options.max_peers += 2 * static_cast<size_t>(peer.count);
  options.peer_deadline = std::chrono::milliseconds(15000);
  options.retention = std::chrono::milliseconds(5000);
  return options;
}

}  // namespace charter::actors
