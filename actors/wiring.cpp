#include "actors/wiring.hpp"

#include <stdexcept>
#include <string_view>

#include "actors/transport/zmq_address.hpp"

namespace charter::actors {

const char* name(Arrow arrow) {
  switch (arrow) {
    case Arrow::kWork:
      return "work";
    case Arrow::kRecord:
      return "record";
    case Arrow::kTrajectory:
      return "trajectory";
    case Arrow::kPair:
      return "pair";
    case Arrow::kPreference:
      return "preference";
    case Arrow::kScored:
      return "scored";
    case Arrow::kBatch:
      return "batch";
    case Arrow::kWeights:
      return "weights";
    case Arrow::kControl:
      return "control";
  }
  throw std::logic_error("arrow out of range");
}

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

transport::LinkOptions Wiring::options(const std::string& role, int32_t index,
                                       int64_t credit) const {
  transport::LinkOptions options;
  options.self = hello;
  options.self.role = role;
  options.self.index = index;
  options.initial_credit = credit;
  options.peer_deadline = std::chrono::milliseconds(15000);
  options.retention = std::chrono::milliseconds(5000);
  return options;
}

}  // namespace charter::actors
