#include "actors/supervisor_nodes.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/child_process.hpp"
#include "metrics/process_collector.hpp"

namespace charter::actors {
namespace {

using Self = SupervisorSelf;
using State = PhaseStatus::State;
using Clock = std::chrono::steady_clock;
constexpr auto kMemoryInterval = std::chrono::seconds(2);  // the kernel walks every page for it
constexpr auto kRestartWindow = std::chrono::minutes(10);
constexpr auto kLongestLook =
    std::chrono::seconds(2);  // between two looks at the nodes, while this process runs
constexpr auto kFaultDeadline = std::chrono::seconds(5);  // from a process's fault to its end

// Registering the same metric again gives the same one.
metrics::SupervisorMetrics node_metrics(const SupervisorState& state,
                                        const SupervisorState::Node& node) {
  return metrics::SupervisorMetrics::make(
      *state.options.context.registry,
      {{"run", state.options.context.config.run.name}, {"actor", "supervisor/0"}}, node.plan.name);
}

}  // namespace

void end_phase(Self self, State state, const std::string& reason) {
  if (self->state.ending != State::kRunning) return;
  self->state.ending = state;
  self->state.status.reason = reason;
  if (!reason.empty()) self->state.status.events.push_back(reason);
}

void begin_finish(Self self, bool checkpoint, bool complete) {
  auto& state = self->state;
  if (state.finishing) return;
  state.finishing = true;
  state.finish_deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(state.options.drain_deadline);
  for (const auto& [name, peer] : state.peers)
    state.ports.announce(peer, Finish{checkpoint, complete});
}

void start_node(Self self, SupervisorState::Node& node) {
  auto& state = self->state;
  const auto& o = state.options;
  node.alive = true;
  node.finished = false;
  node.fault.clear();
  node.hung = false;
  node.progress = -1;
  node.kill_at.reset();
  node.seen = Clock::now();
  if (o.context.config.machine.placement == "single") {
    node.local = self->system().spawn(actors::node, o.context, node.plan.name, o.metrics_address);
    self->monitor(node.local);
    return;
  }
  const auto& a = o.context.wiring.addresses;
  std::vector<std::string> command{
      o.binary,          "worker",
      "--run",           o.context.paths.run.string(),
      "--node",          node.plan.name,
      "--phase",         o.phase.name,
      "--lineage",       std::to_string(o.context.wiring.hello.lineage),
      "--run-id",        a.run_id,
      "--ipc",           a.ipc_directory,
      "--shared-memory", o.context.shared_memory.string(),
      "--data",          o.context.data.string()};
  if (node.plan.trains) command.emplace_back("--trains");
  node.pid = start_process(command, o.context.paths.run / "logs" / (node.plan.name + ".log"));
}

void kill_nodes(Self self) {
  for (auto& [name, node] : self->state.nodes) {
    if (!node.alive) continue;
    if (node.pid != 0)
      ::kill(node.pid, SIGKILL);
    else
      self->send_exit(node.local, caf::exit_reason::user_shutdown);  // it ends its roles first
  }
}

void on_node_end(Self self, SupervisorState::Node& node, const std::string& how) {
  auto& state = self->state;
  node.alive = false;
  node.pid = 0;
  state.peers.erase(node.plan.name);
  if (state.finishing) {
    const bool well = node.finished || how == "exit code 0" || how == "end";
    if (!well && node.plan.trains && state.ending == State::kDone) {  // its result may be missing
      state.ending = State::kRestore;
      state.status.events.push_back(node.plan.name + " ended (" + how +
                                    ") before its result was written; restoring");
    }
    return;
  }
  const auto what =
      node.plan.name + " ended (" + how + ")" + (node.fault.empty() ? "" : ": " + node.fault);
  const auto now = Clock::now();
  std::erase_if(node.restarts, [now](auto t) { return now - t > kRestartWindow; });
  node.restarts.push_back(now);
  auto metric = node_metrics(state, node);
  (node.hung                   ? metric.restarts_hang
   : how.starts_with("signal") ? metric.restarts_signal
   : node.fault.empty()        ? metric.restarts_exit
                               : metric.restarts_exception)
      .Increment();
  if (static_cast<int32_t>(node.restarts.size()) >
      state.options.context.config.machine.max_restarts) {
    end_phase(self, State::kFailed,
              what + "; more than " +
                  std::to_string(state.options.context.config.machine.max_restarts) +
                  " restarts in ten minutes (machine.max_restarts)");
  } else if (node.plan.trains) {
    end_phase(self, State::kRestore, what + "; restoring from the last checkpoint");
  } else {
    state.status.events.push_back(what + "; restarted");
    start_node(self, node);
    return;
  }
  begin_finish(self, false, false);
  kill_nodes(self);
}

void watch_nodes(Self self) {
  auto& state = self->state;
  const auto now = Clock::now();
  // This process did not run for a while (it was stopped, or the machine was): the heartbeats are
  // still to be read.
  if (const auto gap = now - state.looked;
      state.looked != SupervisorState::Time{} && gap > kLongestLook)
    for (auto& [name, node] : state.nodes) node.seen += gap;
  state.looked = now;
  for (auto& [name, node] : state.nodes) {
    if (!node.alive || node.pid == 0) continue;
    if (const auto how = ended(node.pid)) {
      on_node_end(self, node, *how);
      continue;
    }
    const bool started = node.progress >= 0;
    const std::chrono::duration<double> limit =
        started
            ? std::chrono::duration<double>(state.options.context.config.machine.heartbeat_seconds)
            : state.options.start_deadline;
    if (node.kill_at && now > *node.kill_at) {
      ::kill(node.pid, SIGKILL);  // its end is seen by the next look
      node.kill_at.reset();
    } else if (now - node.seen > limit) {
      if (node.fault.empty())
        node.fault = "no heartbeat for " + std::to_string(static_cast<int>(limit.count())) +
                     " s; last progress " + std::to_string(node.progress);
      node.hung = true;
      ::kill(node.pid, SIGKILL);
      node.seen = now;
    }
  }
}

bool nodes_gone(const SupervisorState& state) {
  return std::none_of(state.nodes.begin(), state.nodes.end(),
                      [](const auto& entry) { return entry.second.alive; });
}

// What a heartbeat says of its roles; what does not read is left out.
void read_roles(SupervisorState& state, const std::string& text) {
  try {
    for (const auto& role : nlohmann::json::parse(text)) {
      const auto name = role.at("name").get<std::string>();
      state.status.roles[name] = {.name = name,
                                  .progress = role.at("progress").get<int64_t>(),
                                  .tokens = role.at("tokens").get<int64_t>(),
                                  .state = role.at("state").get<std::string>()};
    }
  } catch (const nlohmann::json::exception&) {
  }
}

void on_heartbeat(Self self, const From<Heartbeat>& m) {
  auto& state = self->state;
  auto it = state.nodes.find(m.message.node);
  if (it == state.nodes.end()) return;
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
    state.ports.announce(m.from,
                         Finish{state.ending != State::kRestore, state.ending == State::kDone});
  node.seen = now;
  node.progress = m.message.progress;
  node.pss = m.message.pss_bytes;
  if (node.metrics_address != m.message.metrics_address) {
    node.metrics_address = m.message.metrics_address;
    state.targets = {{state.options.metrics_address, "control"}};
    for (const auto& [name, other] : state.nodes)
      if (!other.metrics_address.empty() && other.pid != 0)
        state.targets.push_back({other.metrics_address, name});
    metrics::write_targets(metrics::targets_path(state.options.context.paths.run), state.targets);
  }
  read_roles(state, m.message.actors);
}

void on_fault(Self self, const Fault& fault) {
  const auto it = self->state.nodes.find(fault.node);
  if (it == self->state.nodes.end()) return;
  it->second.fault = fault.actor + ": " + fault.reason;
  it->second.kill_at = Clock::now() + kFaultDeadline;
}

void measure_nodes(SupervisorState& state) {
  if (Clock::now() - state.pss_read > kMemoryInterval) {
    state.pss_read = Clock::now();
    for (const auto& [name, node] : state.nodes) {
      const auto metric = node_metrics(state, node);
      metric.actors_alive.Set(node.alive ? static_cast<double>(node.plan.roles.size()) : 0);
      metric.heartbeat_age_seconds.Set(
          std::chrono::duration<double>(Clock::now() - node.seen).count());
    }
    state.own_pss = metrics::pss_bytes(::getpid()).value_or(0);
  }
  state.status.pss_bytes = state.own_pss;
  for (const auto& [name, node] : state.nodes)
    if (node.alive && node.pid != 0) state.status.pss_bytes += node.pss;
}

}  // namespace charter::actors
