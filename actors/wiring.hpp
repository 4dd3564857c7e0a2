// What an actor needs to reach the others: the transport, the addresses of the arrows, and what it
// says of itself.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "actors/roster.hpp"
#include "actors/transport/link.hpp"

namespace charter::actors {

class LinkMeter;

// The arrows between roles (docs/architecture.md). The end that serves an arrow binds; there is one
// address a server.
enum class Arrow : uint8_t {
  kWork,
  kRecord,
  kTrajectory,
  kPair,
  kPreference,
  kScored,
  kBatch,
  kWeights,
  kControl
};

[[nodiscard]] const char* name(Arrow arrow);

inline constexpr int32_t kMaxServers = 64;  // of an arrow: the most that the configuration allows

struct AddressBook {
  std::string transport = "ipc";  // inproc, ipc, tcp
  std::string run_id;             // part of inproc names and of the ipc directory
  std::string ipc_directory;      // exists; short, since a socket's path has at most 107 bytes
  int32_t tcp_base_port = 21400;  // loopback, below the range that connecting sockets are given

  // index: which server of the arrow, 0 where there is one.
  [[nodiscard]] std::string address(Arrow arrow, int32_t index = 0) const;
  // The longest path that an ipc link binds in `ipc_directory`, over all arrows and servers.
  [[nodiscard]] std::string longest_socket() const;
};

struct Wiring {
  std::shared_ptr<transport::Transport> transport;
  AddressBook addresses;
  // Run id, lineage and hashes filled in; role and index are the actor's.
  transport::Hello hello;
  std::shared_ptr<LinkMeter> meter;  // counts what passes on every link; none: nobody asks
  std::shared_ptr<Roster> roster = std::make_shared<Roster>();  // of this process

  // Options of one end of an arrow for the actor `role`/`index`, granting each peer `credit`
  // messages.
  [[nodiscard]] transport::LinkOptions options(const std::string& role, int32_t index,
                                               int64_t credit) const;
};

}  // namespace charter::actors
