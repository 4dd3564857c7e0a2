#include "actors/wiring.hpp"

#include <stdexcept>

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
  // 64 servers an arrow are the most that the configuration allows.
  return "tcp://127.0.0.1:" +
         std::to_string(tcp_base_port + 64 * static_cast<int32_t>(arrow) + index);
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
