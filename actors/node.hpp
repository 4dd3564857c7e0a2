// The supervisor's hand in one process: makes the role actors it is assigned, watches them, reports
// their progress, and ends when they have finished or one of them died or hangs. Such a role ends
// its process: what it held is re-issued to the next one.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "actors/packed_meter.hpp"
#include "actors/ports.hpp"
#include "actors/role_spawner.hpp"
#include "actors/role_watch.hpp"

namespace charter::actors {

// Supervisor -> node: Assignment, Finish.
using NodeActor = caf::typed_actor<caf::reacts_to<LinkEvent>, caf::reacts_to<Tick>,
                                   caf::reacts_to<From<Assignment>>, caf::reacts_to<From<Finish>>>;

// The actor of a Fault that ends a phase at once: a kept model is damaged, and another start would
// find it the same.
inline constexpr const char* kDamagedWeights = "weights";

struct NodeState {
  static constexpr const char* name = "node";
  ~NodeState() { packed.ended(); }
  NodeContext context;
  std::string node;
  std::string metrics_address;
  Ports ports;
  Peer supervisor;
  std::map<std::string, AnyRole> roles;  // alive
  RoleWatch watch;                       // notices one that hangs
  bool assigned = false, finishing = false;
  caf::error dying;    // the reason, once it ends for a fault
  PackedMeter packed;  // here and not with the roles, which share the models
  int64_t pss_bytes = 0;
  std::chrono::steady_clock::time_point pss_read{};
};

// context.config and lineage come with the assignment. The actor quits with exit reason none after
// a good end, and with an error that carries the dead role's text otherwise;
// caf::sec::request_timeout is that of a role that hangs, which is left as it is: nothing ends a
// thread that does not return but the end of its process.
NodeActor::behavior_type node(NodeActor::stateful_pointer<NodeState> self, NodeContext context,
                              std::string name, std::string metrics_address);

}  // namespace charter::actors
