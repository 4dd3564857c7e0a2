#include "actors/supervisor_nodes.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "actors/child_process.hpp"
#include "metrics/process_collector.hpp"

namespace charter::actors {
namespace {

using Self = SupervisorSelf;
using State = PhaseStatus::State;
using Clock = std::chrono::steady_clock;
constexpr auto kMemoryInterval = std::chrono::seconds(2);  // the kernel walks every page for it
constexpr auto kLongestLook =
    std::chrono::seconds(2);  // between two looks at the nodes, while this process runs

// Registering the same metric again gives the same one.
metrics::SupervisorMetrics node_metrics(const SupervisorState& state,
                                        const SupervisorState::Node& node) {
  return metrics::SupervisorMetrics::make(
      *state.options.context.registry,
      {{"run", state.options.context.config.run.name}, {"actor", "supervisor/0"}}, node.plan.name);
}

std::filesystem::path log_of(const SupervisorState& state, const SupervisorState::Node& node) {
  return state.options.context.paths.run / "logs" / (node.plan.name + ".log");
}

}  // namespace

void end_phase(Self self, State state, const std::string& reason, const std::string& consequence) {
  if (self->state.ending != State::kRunning) return;
  self->state.ending = state;
  self->state.status.reason = reason;
  if (!reason.empty()) self->state.status.events.push_back(reason + consequence);
}

void begin_finish(Self self, bool checkpoint, bool complete) {
  auto& state = self->state;
  if (state.finishing) return;
  state.finishing = true;
  state.finish_deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(state.options.drain_deadline);
  for (auto& [name, node] : state.nodes) node.start_at.reset();
  for (const auto& [name, peer] : state.peers)
    state.ports.announce(peer, Finish{checkpoint, complete});
}

namespace {

// Throws std::runtime_error when it cannot be started.
pid_t start_worker(SupervisorState& state, SupervisorState::Node& node) {
  const auto& o = state.options;
  const auto& a = o.context.wiring.addresses;
  std::vector<std::string> command{
      o.binary,          "worker",
      "--run",           o.context.paths.run.string(),
      "--node",          node.plan.name,
      "--phase",         o.phase.name,
      "--lineage",       std::to_string(o.context.wiring.hello.lineage),
      "--run-id",        a.run_id,
      "--ipc",           a.ipc_directory,
      "--shared-memory", o.context.snapshots.memory.string(),
      "--spill",         o.context.snapshots.disk.string(),
      "--data",          o.context.data.string()};
  if (node.plan.trains) command.emplace_back("--trains");
  const auto log = log_of(state, node);
  std::error_code absent;
  node.log_began = std::filesystem::file_size(log, absent);
  if (absent) node.log_began = 0;
  return start_process(command, log, o.context.key.secret + "\n");
}

// "engine ended (exit code 1): rollout/0: handling Tick: no memory". Without a word of its own,
// what its log ends with says why.
std::string describe_end(const SupervisorState& state, const SupervisorState::Node& node,
                         const std::string& how) {
  std::string text = node.plan.name + " ended (" + how + ")";
  if (!node.fault.empty()) return text + ": " + node.fault;
  const auto line = how == "signal 9" ? "" : last_line(log_of(state, node), node.log_began);
  return line.empty() ? text : text + "; its log ends: " + line;
}

void count_restart(const SupervisorState& state, const SupervisorState::Node& node,
                   const std::string& how) {
  auto metric = node_metrics(state, node);
  (node.hung                   ? metric.restarts_hang
   : how.starts_with("signal") ? metric.restarts_signal
   : node.fault.empty()        ? metric.restarts_exit
                               : metric.restarts_exception)
      .Increment();
}

// A node ended while all are to end. A trainer may have had something to write.
void on_last_end(Self self, const SupervisorState::Node& node, const std::string& how) {
  auto& state = self->state;
  const bool well = node.finished || how == "exit code 0" || how == "end";
  if (well || !node.plan.trains || !node.joined()) return;
  const auto what = describe_end(state, node, how);
  if (state.ending == State::kDone) {
    state.ending = State::kRestore;
    state.status.reason = what;
    state.status.events.push_back(what + " before its result was written; restoring");
  } else if (state.ending == State::kStopped) {
    state.status.events.push_back(what + " before its checkpoint was written");
  }
}

}  // namespace

void start_node(Self self, SupervisorState::Node& node) {
  auto& state = self->state;
  const auto& o = state.options;
  node.alive = true;
  node.finished = false;
  node.fault.clear();
  node.hung = false;
  node.progress = -1;
  node.kill_at.reset();
  node.start_at.reset();
  node.seen = Clock::now();
  if (o.context.config.machine.placement == "single") {
    node.local = self->system().spawn(actors::node, o.context, node.plan.name, o.metrics_address);
    self->monitor(node.local);
    return;
  }
  try {
    node.pid = start_worker(state, node);
  } catch (const std::runtime_error& e) {  // its log's directory is away, or there is no memory
    node.fault = e.what();
    on_node_end(self, node, "not started");
  }
}

void kill_nodes(Self self, bool joined_too) {
  for (auto& [name, node] : self->state.nodes) {
    if (!node.alive || (node.joined() && !joined_too)) continue;
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
  if (state.finishing) return on_last_end(self, node, how);
  const auto what = describe_end(state, node, how);
  count_restart(state, node, how);
  const auto now = Clock::now();
  const auto pause = node.budget.died(now, what);
  if (pause && !node.plan.trains) {
    const bool at_once = pause->count() == 0;
    state.status.events.push_back(
        what +
        (at_once ? "; restarted" : "; restarted in " + std::to_string(pause->count()) + " s"));
    node.start_at = now + *pause;
    return;
  }
  if (pause)
    end_phase(self, State::kRestore, what, "; restoring from the last checkpoint");
  else
    end_phase(self, State::kFailed, node.budget.spent("restarts"));
  begin_finish(self, false, false);
  kill_nodes(self, /*joined_too=*/true);
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
    if (node.start_at && now >= *node.start_at) start_node(self, node);
    if (!node.alive || node.pid == 0) continue;
    if (const auto how = ended(node.pid)) {
      on_node_end(self, node, *how);
      continue;
    }
    const std::chrono::duration<double> limit =
        node.joined()
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
