// The supervisor's side of worker processes: starts them, hears their heartbeats, sees them end or
// hang, and replaces them within the budget. Part of supervisor.
#pragma once
#include <string>

#include "actors/supervisor.hpp"

namespace charter::actors {

using SupervisorSelf = SupervisorActor::stateful_pointer<SupervisorState>;

// Sets what the phase's end will be called, and why; later calls are ignored. consequence: follows
// the reason in the event.
void end_phase(SupervisorSelf self, PhaseStatus::State state, const std::string& reason,
               const std::string& consequence = {});
// Tells every node to finish; complete: the phase is done and leaves its result.
void begin_finish(SupervisorSelf self, bool checkpoint, bool complete);

void start_node(SupervisorSelf self, SupervisorState::Node& node);
// joined_too: also those that have their roles.
void kill_nodes(SupervisorSelf self, bool joined_too);
// A node is gone. A trainer's death restores the phase from its checkpoint; others are replaced
// within the budget, after a pause.
void on_node_end(SupervisorSelf self, SupervisorState::Node& node, const std::string& how);
// Sees which processes ended, kills those that are silent or outlive their fault, and starts those
// whose pause is over.
void watch_nodes(SupervisorSelf self);
[[nodiscard]] bool nodes_gone(const SupervisorState& state);
// Whether the peer said hello as this node. A message of one node about another is refused.
[[nodiscard]] bool speaks_for(const SupervisorState& state, Peer peer, const std::string& node);
void on_heartbeat(SupervisorSelf self, const From<Heartbeat>& heartbeat);
void on_fault(SupervisorSelf self, const From<Fault>& fault);
void measure_nodes(SupervisorState& state);
// A role's answer to its probe: shown in the status, its notice told as an event when it is new.
void take_report(SupervisorState& state, RoleReport report);

}  // namespace charter::actors
