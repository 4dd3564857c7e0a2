#include "actors/supervisor.hpp"

#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/child_process.hpp"
#include "actors/fault_handler.hpp"
#include "actors/weight_store.hpp"
#include "metrics/exposer.hpp"
#include "metrics/process_collector.hpp"

namespace charter::actors {
namespace {

using Self = SupervisorActor::stateful_pointer<SupervisorState>;
using State = PhaseStatus::State;
using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr auto kMemoryInterval = std::chrono::seconds(2);   // the kernel walks every page for it
constexpr auto kRestartWindow = std::chrono::minutes(10);
constexpr auto kStartDeadline = std::chrono::seconds(120);   // loading and packing the models, before the first heartbeat

prometheus::Labels labels(const SupervisorState& state, const std::string& actor) {
  return {{"run", state.options.context.config.run.name}, {"actor", actor}};
}

template <class Handle>
void keep(Self self, const std::string& name, const Handle& handle) {
  self->monitor(handle);
  self->state.control_roles.emplace(name, handle);
}

void start_control_roles(Self self) {
  auto& state = self->state;
  auto& o = state.options;
  auto& registry = *o.context.registry;
  const auto& wiring = o.context.wiring;
  keep(self, "ledger/0", self->system().spawn<caf::detached>(ledger_actor, wiring, o.ledger,
                                                             metrics::LedgerMetrics::make(registry, labels(state, "ledger/0"))));
  if (o.phase.replay) {
    keep(self, "replay_buffer/0",
         self->system().spawn(replay_actor, wiring, o.replay, metrics::ReplayMetrics::make(registry, labels(state, "replay_buffer/0")),
                              metrics::QueueMetrics::make(registry, labels(state, "replay_buffer/0"), "replay")));
    std::map<std::string, metrics::WeightStoreMetrics> weights;
    for (const char* model : {"policy", "pm"})
      weights.emplace(model, metrics::WeightStoreMetrics::make(registry, labels(state, "weight_store/0"), model));
    keep(self, "weight_store/0", self->system().spawn(weight_store, wiring, size_t{4}, std::move(weights)));
  }
  state.source = self->system().spawn(prompt_source, wiring, std::move(o.source),
                                      metrics::PromptSourceMetrics::make(registry, labels(state, "prompt_source/0")));
  keep(self, "prompt_source/0", state.source);
}

void start_node(Self self, SupervisorState::Node& node) {
  auto& state = self->state;
  const auto& o = state.options;
  node.alive = true;
  node.finished = false;
  node.fault.clear();
  node.progress = -1;
  node.seen = node.progressed = Clock::now();
  if (o.context.config.machine.placement == "single") {
    node.local = self->system().spawn(actors::node, o.context, node.plan.name, o.metrics_address);
    self->monitor(node.local);
    return;
  }
  const auto& a = o.context.wiring.addresses;
  node.pid = start_process({o.binary, "worker", "--run", o.context.paths.run.string(), "--node", node.plan.name, "--phase", o.phase.name,
                            "--lineage", std::to_string(o.context.wiring.hello.lineage), "--run-id", a.run_id, "--ipc", a.ipc_directory,
                            "--shared-memory", o.context.shared_memory.string(), "--data", o.context.data.string()},
                           o.context.paths.run / "logs" / (node.plan.name + ".log"));
}

// Registering the same metric again gives the same one.
metrics::SupervisorMetrics node_metrics(const SupervisorState& state, const SupervisorState::Node& node) {
  return metrics::SupervisorMetrics::make(*state.options.context.registry, labels(state, "supervisor/0"), node.plan.name);
}

void end(Self self, State state, const std::string& reason) {
  if (self->state.ending != State::kRunning) return;
  self->state.ending = state;
  self->state.status.reason = reason;
  if (!reason.empty()) self->state.status.events.push_back(reason);
}

// Tells every node to finish; complete: the phase is done and leaves its result.
void begin_finish(Self self, bool checkpoint, bool complete) {
  auto& state = self->state;
  if (state.finishing) return;
  state.finishing = true;
  state.finish_deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(state.options.drain_deadline);
  for (const auto& [name, peer] : state.peers) state.ports.announce(peer, Finish{checkpoint, complete});
}

void kill_nodes(Self self) {
  for (auto& [name, node] : self->state.nodes) {
    if (!node.alive) continue;
    if (node.pid != 0) ::kill(node.pid, SIGKILL);
    else self->send_exit(node.local, caf::exit_reason::user_shutdown);   // it ends its roles first
  }
}

// A node is gone. Trainers' death restores the phase from its checkpoint; others are replaced within the budget.
void on_node_end(Self self, SupervisorState::Node& node, const std::string& how) {
  auto& state = self->state;
  node.alive = false;
  node.pid = 0;
  state.peers.erase(node.plan.name);
  if (state.finishing) {
    const bool well = node.finished || how == "exit code 0" || how == "end";
    if (!well && node.plan.trains && state.ending == State::kDone) {   // its result may be missing
      state.ending = State::kRestore;
      state.status.events.push_back(node.plan.name + " ended (" + how + ") before its result was written; restoring");
    }
    return;
  }
  const auto what = node.plan.name + " ended (" + how + ")" + (node.fault.empty() ? "" : ": " + node.fault);
  const auto now = Clock::now();
  std::erase_if(node.restarts, [now](auto t) { return now - t > kRestartWindow; });
  node.restarts.push_back(now);
  auto metric = node_metrics(state, node);
  (how.starts_with("signal") ? metric.restarts_signal : node.fault.empty() ? metric.restarts_exit : metric.restarts_exception).Increment();
  if (static_cast<int32_t>(node.restarts.size()) > state.options.context.config.machine.max_restarts) {
    end(self, State::kFailed, what + "; more than " + std::to_string(state.options.context.config.machine.max_restarts) +
                                  " restarts in ten minutes (machine.max_restarts)");
  } else if (node.plan.trains) {
    end(self, State::kRestore, what + "; restoring from the last checkpoint");
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
  const auto limit = std::chrono::duration<double>(state.options.context.config.machine.heartbeat_seconds);
  for (auto& [name, node] : state.nodes) {
    if (!node.alive || node.pid == 0) continue;
    if (const auto how = ended(node.pid)) {
      on_node_end(self, node, *how);
      continue;
    }
    const bool started = node.progress >= 0;
    if (now - node.seen > (started ? limit : std::chrono::duration<double>(kStartDeadline))) {
      node.fault = "no heartbeat for " + std::to_string(static_cast<int>(limit.count())) + " s";
      ::kill(node.pid, SIGKILL);   // its end is seen by the next look
      node.seen = now;
    }
  }
}

bool nodes_gone(const SupervisorState& state) {
  return std::none_of(state.nodes.begin(), state.nodes.end(), [](const auto& entry) { return entry.second.alive; });
}

// After the nodes the control actors end, the source of work first and the ledger last.
void close_control(Self self) {
  auto& state = self->state;
  if (state.closing || !state.finishing || !nodes_gone(state)) return;
  state.closing = true;
  if (state.control_roles.empty()) state.status.state = state.ending == State::kRunning ? State::kFailed : state.ending;
  for (const auto& [name, role] : state.control_roles)
    if (name != "ledger/0") self->send(role, FinishRole{});
  if (state.control_roles.size() == 1) self->send(state.control_roles.begin()->second, FinishRole{});
}

void on_down(Self self, const caf::down_msg& down) {
  auto& state = self->state;
  for (auto& [name, node] : state.nodes)
    if (node.alive && node.local && node.local.address() == down.source) {
      on_node_end(self, node, down.reason ? self->system().render(down.reason) : "end");
      close_control(self);
      return;
    }
  for (auto it = state.control_roles.begin(); it != state.control_roles.end(); ++it) {
    if (it->second.address() != down.source) continue;
    const auto name = it->first;
    state.control_roles.erase(it);
    if (!state.closing) {   // without its control actors the phase cannot go on; the ledger holds what was committed
      end(self, State::kFailed, name + " died: " + self->system().render(down.reason));
      begin_finish(self, false, false);
      kill_nodes(self);
      close_control(self);
    } else if (state.control_roles.size() == 1 && state.control_roles.contains("ledger/0")) {
      self->send(state.control_roles.begin()->second, FinishRole{});
    } else if (state.control_roles.empty()) {
      state.status.state = state.ending == State::kRunning ? State::kFailed : state.ending;
    }
    return;
  }
}

void poll_source(Self self) {
  auto& state = self->state;
  if (!state.control_roles.contains("prompt_source/0")) return;
  self->request(state.source, std::chrono::seconds(30), SourceReportRequest{})
      .then([self](const SourceReport& report) {
              self->state.status.source = report;
              if (!report.complete || self->state.finishing) return;
              end(self, State::kDone, "");
              begin_finish(self, true, true);
            },
            [](caf::error&) {});   // its death arrives as a down message
}

void tick(Self self) {
  auto& state = self->state;
  watch_nodes(self);
  poll_source(self);
  if (state.finishing && !nodes_gone(state) && Clock::now() > state.finish_deadline) {
    state.status.events.push_back("nodes did not finish in time and were killed");
    if (state.ending == State::kDone) state.ending = State::kFailed, state.status.reason = "the phase's result was not written in time";
    kill_nodes(self);
  }
  close_control(self);
  if (Clock::now() - state.pss_read > kMemoryInterval) {
    state.pss_read = Clock::now();
    for (const auto& [name, node] : state.nodes) {
      const auto metric = node_metrics(state, node);
      metric.actors_alive.Set(node.alive ? static_cast<double>(node.plan.roles.size()) : 0);
      metric.heartbeat_age_seconds.Set(std::chrono::duration<double>(Clock::now() - node.seen).count());
    }
    state.own_pss = metrics::pss_bytes(::getpid()).value_or(0);
  }
  state.status.pss_bytes = state.own_pss;
  for (const auto& [name, node] : state.nodes)
    if (node.alive && node.pid != 0) state.status.pss_bytes += node.pss;
}

void on_heartbeat(Self self, const From<Heartbeat>& m) {
  auto& state = self->state;
  auto it = state.nodes.find(m.message.node);
  if (it == state.nodes.end()) return;
  auto& node = it->second;
  const auto now = Clock::now();
  // A last word of the process before it may have taken its place: the assignment goes to whoever is new.
  if (const auto peer = state.peers.find(node.plan.name); peer == state.peers.end() || peer->second != m.from) {
    state.peers[node.plan.name] = m.from;
    state.ports.announce(m.from, Assignment{.phase = state.options.phase.name, .lineage = state.options.context.wiring.hello.lineage,
                                            .config = "", .roles = node.plan.roles});
    if (state.finishing) state.ports.announce(m.from, Finish{state.ending != State::kRestore, state.ending == State::kDone});
  }
  node.seen = now;
  node.progress = m.message.progress;
  node.pss = m.message.pss_bytes;
  if (node.metrics_address != m.message.metrics_address) {
    node.metrics_address = m.message.metrics_address;
    state.targets = {{state.options.metrics_address, "control"}};
    for (const auto& [name, other] : state.nodes)
      if (!other.metrics_address.empty() && other.pid != 0) state.targets.push_back({other.metrics_address, name});
    metrics::write_targets(metrics::targets_path(state.options.context.paths.run), state.targets);
  }
  for (const auto& actor : nlohmann::json::parse(m.message.actors, nullptr, /*allow_exceptions=*/false))
    state.status.roles[actor.value("name", "")] = {.name = actor.value("name", ""), .progress = actor.value("progress", int64_t{0}),
                                                   .tokens = actor.value("tokens", int64_t{0}), .state = actor.value("state", "")};
}

}  // namespace

SupervisorState::~SupervisorState() {
  for (const auto& [name, role] : control_roles) caf::anon_send_exit(role, caf::exit_reason::kill);
  for (const auto& [name, node] : nodes)
    if (node.alive && node.pid != 0) ::kill(node.pid, SIGKILL);
}

SupervisorActor::behavior_type supervisor(Self self, SupervisorOptions options) {
  install_fault_handler(self);
  auto& state = self->state;
  state.options = std::move(options);
  state.ports = Ports(state.options.context.wiring, "supervisor", 0);
  state.control = state.ports.bind<Heartbeat, Finished, Fault>(caf::actor_cast<SupervisorActor>(self), Arrow::kControl, 0, 0);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  start_control_roles(self);
  for (auto& plan : node_plans(state.options.context.config, state.options.phase)) {
    auto& node = state.nodes[plan.name];
    node.plan = std::move(plan);
    start_node(self, node);
  }
  self->delayed_send(self, kTick, Tick{});
  return {
      [self](const LinkEvent& event) {
        if (event.kind == LinkEvent::Kind::kRefused) self->state.status.events.push_back("refused a process: " + event.text);
      },
      [self](Tick) {
        tick(self);
        self->delayed_send(self, kTick, Tick{});
      },
      [self](StopPhase) {
        end(self, State::kStopped, "");
        begin_finish(self, true, false);
      },
      [self](StatusRequest) { return self->state.status; },
      [self](const From<Heartbeat>& m) { on_heartbeat(self, m); },
      [self](const From<Finished>& m) {
        if (auto it = self->state.nodes.find(m.message.node); it != self->state.nodes.end()) it->second.finished = true;
      },
      [self](const From<Fault>& m) {
        if (auto it = self->state.nodes.find(m.message.node); it != self->state.nodes.end())
          it->second.fault = m.message.actor + ": " + m.message.reason;
      },
  };
}

}  // namespace charter::actors
