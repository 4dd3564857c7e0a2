// The supervisor's side of what its roles and nodes report.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/node.hpp"
#include "actors/supervisor_nodes.hpp"
#include "metrics/exposer.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kFaultDeadline = std::chrono::seconds(5);  // from a process's fault to its end

// What a heartbeat says of its node's roles; what does not read is left out.
void read_roles(SupervisorState& state, const NodePlan& plan, const std::string& text) {
  try {
    for (const auto& role : nlohmann::json::parse(text)) {
      const auto name = role.at("name").get<std::string>();
      if (std::ranges::find(plan.roles, name) == plan.roles.end()) continue;
      take_report(state, {.name = name,
                          .progress = role.at("progress").get<int64_t>(),
                          .tokens = role.at("tokens").get<int64_t>(),
                          .state = role.at("state").get<std::string>(),
                          .notice = role.at("notice").get<std::string>()});
    }
  } catch (const nlohmann::json::exception&) {
  }
}

void show_targets(SupervisorState& state) {
  state.targets = {{state.options.metrics_address, "control"}};
  for (const auto& [name, node] : state.nodes)
    if (!node.metrics_address.empty() && node.pid != 0)
      state.targets.push_back({node.metrics_address, name});
  const auto path = metrics::targets_path(state.options.context.paths.run);
  if (state.display.guard([&] { metrics::write_targets(path, state.targets); })) return;
  if (state.display.failures() == 1)
    state.status.events.push_back("the list of metrics addresses failed " +
                                  state.display.summary());
}

}  // namespace

void take_report(SupervisorState& state, RoleReport report) {
  auto& known = state.status.roles[report.name];
  if (!report.notice.empty() && report.notice != known.notice)
    state.status.events.push_back(report.name + ": " + report.notice);
  known = std::move(report);
}

bool speaks_for(const SupervisorState& state, Peer peer, const std::string& node) {
  const auto name = state.node_names.find(peer);
  return name != state.node_names.end() && name->second == node && state.nodes.contains(node);
}

void on_heartbeat(SupervisorSelf self, const From<Heartbeat>& m) {
  auto& state = self->state;
  if (!speaks_for(state, m.from, m.message.node)) return state.ports.refuse(m.from, m.sequence);
  auto it = state.nodes.find(m.message.node);
  auto& node = it->second;
  const auto now = Clock::now();
  // A last word of the process before it may have taken its place: the assignment goes to whoever
  // is new.
  const auto peer = state.peers.find(node.plan.name);
  const bool newcomer = peer == state.peers.end() || peer->second != m.from;
  state.peers[node.plan.name] = m.from;
  // An announcement may be lost: both are made again until the heartbeat shows that they arrived.
  if (newcomer || m.message.progress < 0)
    state.ports.announce(m.from, Assignment{.phase = state.options.phase.name,
                                            .lineage = state.options.context.wiring.hello.lineage,
                                            .roles = node.plan.roles,
                                            .items = state.options.items});
  if (state.finishing)
    state.ports.announce(m.from, Finish{state.ending != PhaseStatus::State::kRestore,
                                        state.ending == PhaseStatus::State::kDone});
  node.seen = now;
  node.progress = m.message.progress;
  node.pss = m.message.pss_bytes;
  if (node.metrics_address != m.message.metrics_address) {
    node.metrics_address = m.message.metrics_address;
    show_targets(state);
  }
  read_roles(state, node.plan, m.message.actors);
}

void on_fault(SupervisorSelf self, const From<Fault>& m) {
  const Fault& fault = m.message;
  if (!speaks_for(self->state, m.from, fault.node))
    return self->state.ports.refuse(m.from, m.sequence);
  const auto it = self->state.nodes.find(fault.node);
  // The first one is the cause; what dies after it dies of it.
  if (it->second.fault.empty()) it->second.fault = fault.actor + ": " + fault.reason;
  it->second.kill_at = Clock::now() + kFaultDeadline;
  if (fault.actor != kDamagedWeights) return;
  end_phase(self, PhaseStatus::State::kFailed, fault.reason);
  begin_finish(self, false, false);
  kill_nodes(self, /*joined_too=*/true);
}

}  // namespace charter::actors
