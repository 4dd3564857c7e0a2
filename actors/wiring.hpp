// What an actor needs to reach the others: the transport, the addresses of the arrows, and what it
// says of itself.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "actors/arrows.hpp"
#include "actors/roster.hpp"
#include "actors/transport/link.hpp"

namespace charter::actors {

class LinkMeter;

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
  // Run id, lineage and hashes filled in; role and index are the actor's. The hashes of model and
  // tokenizer are the policy's (actors/model_identity.hpp), and are told where its tokens travel.
  transport::Hello hello;
  RoleCounts counts;                 // whom a link lets in
  std::shared_ptr<LinkMeter> meter;  // counts what passes on every link; none: nobody asks
  std::shared_ptr<Roster> roster = std::make_shared<Roster>();  // of this process

  // Options of one end of an arrow for the actor `role`/`index`, granting each peer `credit`
  // messages. Throws std::invalid_argument when there is no such role, or it has no part in the
  // arrow.
  [[nodiscard]] transport::LinkOptions options(Arrow arrow, const std::string& role, int32_t index,
                                               int64_t credit) const;
};

}  // namespace charter::actors
