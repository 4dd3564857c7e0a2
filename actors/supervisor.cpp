#include "actors/supervisor.hpp"

#include <signal.h>

#include "actors/fault_handler.hpp"
#include "actors/supervisor_nodes.hpp"
#include "actors/weight_store.hpp"
#include "config/plan.hpp"

namespace charter::actors {
namespace {

using Self = SupervisorSelf;
using State = PhaseStatus::State;
using Clock = std::chrono::steady_clock;
constexpr size_t kRefusalsTold = 8;  // a stranger may go on for ever
constexpr auto kTick = std::chrono::milliseconds(100);

prometheus::Labels labels(const SupervisorState& state, const std::string& actor) {
  return {{"run", state.options.context.config.run.name}, {"actor", actor}};
}

template <class Handle>
void keep(Self self, const std::string& name, const Handle& handle) {
  self->monitor(handle);
  self->state.control_roles.emplace(name, handle);
  self->state.watch.add(name);
}

void start_control_roles(Self self) {
  auto& state = self->state;
  auto& o = state.options;
  auto& registry = *o.context.registry;
  const auto& wiring = o.context.wiring;
  GivenOut given;
  for (const auto& item : o.source.items) given[item.work_id] = {item.ticket, item.kind};
  keep(self, "ledger/0",
       self->system().spawn<caf::detached>(
           ledger_actor, wiring, o.ledger, std::move(given), o.source.version,
           metrics::LedgerMetrics::make(registry, labels(state, "ledger/0")),
           metrics::LimitMetrics::make(registry, labels(state, "ledger/0")), LedgerPatience{}));
  if (o.phase.replay) {
    keep(self, "replay_buffer/0",
         self->system().spawn(
             replay_actor, wiring, o.replay,
             metrics::ReplayMetrics::make(registry, labels(state, "replay_buffer/0")),
             metrics::QueueMetrics::make(registry, labels(state, "replay_buffer/0"), "replay")));
    std::map<std::string, metrics::WeightStoreMetrics> weights;
    for (const char* model : {"policy", "pm"})
      weights.emplace(model, metrics::WeightStoreMetrics::make(
                                 registry, labels(state, "weight_store/0"), model));
    keep(self, "weight_store/0",
         self->system().spawn(weight_store, wiring, o.context.snapshots,
                              static_cast<size_t>(config::kSnapshotsKept), std::move(weights)));
  }
  state.source = self->system().spawn(
      prompt_source, wiring, std::move(o.source),
      metrics::PromptSourceMetrics::make(registry, labels(state, "prompt_source/0")));
  keep(self, "prompt_source/0", state.source);
}

// What waits for the ledger's files is waited for where the phase is done; otherwise it is made
// again.
void finish_ledger(Self self) {
  const auto ledger = self->state.control_roles.find("ledger/0");
  if (ledger == self->state.control_roles.end() || self->state.control_roles.size() > 1) return;
  self->send(ledger->second, FinishRole{.complete = self->state.ending == State::kDone});
}

// After the nodes the control actors end, the source of work first and the ledger last.
void close_control(Self self) {
  auto& state = self->state;
  if (state.closing || !state.finishing || !nodes_gone(state)) return;
  state.closing = true;
  if (state.control_roles.empty())
    state.status.state = state.ending == State::kRunning ? State::kFailed : state.ending;
  for (const auto& [name, role] : state.control_roles)
    if (name != "ledger/0") self->send(role, FinishRole{});
  finish_ledger(self);
}

// An actor of this very process does not return. It cannot be ended, so neither restarted: the run
// ends, and resumes.
void hang(Self self, const std::string& what) {
  auto& state = self->state;
  end_phase(self, State::kFailed, what);
  begin_finish(self, false, false);
  kill_nodes(self, /*joined_too=*/true);
  state.status.hung = true;
}

// One that hangs answers nothing: what it wrote down before says more.
void hear_control(SupervisorState& state) {
  for (const auto& [name, role] : state.control_roles)
    if (auto report = state.options.context.wiring.roster->last(name)) {
      take_report(state, *report);
      state.watch.heard(name, std::move(*report));
    }
}

void probe_control(Self self) {
  auto& state = self->state;
  state.watch.advance(Clock::now());
  for (const auto& [name, role] : state.control_roles) {
    if (!state.watch.ask(name)) continue;
    self->request(role, caf::infinite, Probe{})
        .then([self, name = name](
                  RoleReport& report) { self->state.watch.answered(name, std::move(report)); },
              [](caf::error&) {});  // its death arrives as a down message
  }
  hear_control(state);
  const auto overdue = state.watch.overdue();
  if (!overdue || state.status.state != State::kRunning) return;
  hang(self, overdue->role + " " + overdue->text);
  state.status.state = State::kFailed;
}

void on_down(Self self, const caf::down_msg& down) {
  auto& state = self->state;
  for (auto& [name, node] : state.nodes)
    if (node.alive && node.local && node.local.address() == down.source) {
      if (down.reason == caf::sec::request_timeout) {
        node.alive = false;
        hang(self, node.plan.name + ": " + self->system().render(down.reason));
      } else {
        on_node_end(self, node, down.reason ? fault_text(self->system(), down.reason) : "end");
      }
      close_control(self);
      return;
    }
  for (auto it = state.control_roles.begin(); it != state.control_roles.end(); ++it) {
    if (it->second.address() != down.source) continue;
    const auto name = it->first;
    state.control_roles.erase(it);
    state.watch.forget(name);
    if (!state.closing) {  // without its control actors the phase cannot go on; the ledger holds
                           // what was committed
      end_phase(self, State::kFailed, name + " died: " + fault_text(self->system(), down.reason));
      begin_finish(self, false, false);
      kill_nodes(self, /*joined_too=*/true);
      close_control(self);
      return;
    }
    // The last of what it had is not written. An end that has a reason already keeps that.
    if (down.reason && (state.ending == State::kDone || state.ending == State::kStopped)) {
      state.ending = State::kFailed;
      state.status.reason = name + " died: " + fault_text(self->system(), down.reason);
      state.status.events.push_back(state.status.reason);
    }
    finish_ledger(self);
    if (state.control_roles.empty())
      state.status.state = state.ending == State::kRunning ? State::kFailed : state.ending;
    return;
  }
}

void poll_source(Self self) {
  auto& state = self->state;
  if (!state.control_roles.contains("prompt_source/0")) return;
  self->request(state.source, std::chrono::seconds(30), SourceReportRequest{})
      .then(
          [self](const SourceReport& report) {
            self->state.status.source = report;
            if (!report.complete || self->state.finishing) return;
            end_phase(self, State::kDone, "");
            begin_finish(self, true, true);
          },
          [](caf::error&) {});  // its death arrives as a down message
}

void tick(Self self) {
  auto& state = self->state;
  watch_nodes(self);
  probe_control(self);
  poll_source(self);
  if (state.finishing && !nodes_gone(state) && Clock::now() > state.finish_deadline) {
    state.status.events.push_back("nodes did not finish in time and were killed");
    if (state.ending == State::kDone)
      state.ending = State::kFailed,
      state.status.reason = "the phase's result was not written in time";
    kill_nodes(self, /*joined_too=*/true);
  }
  close_control(self);
  measure_nodes(state);
}

}  // namespace

SupervisorState::~SupervisorState() {
  for (const auto& [name, role] : control_roles) caf::anon_send_exit(role, caf::exit_reason::kill);
  for (const auto& [name, node] : nodes) {
    if (!node.alive) continue;
    if (node.pid != 0)
      ::kill(node.pid, SIGKILL);
    else
      caf::anon_send_exit(node.local, caf::exit_reason::user_shutdown);  // it ends its roles first
  }
}

SupervisorActor::behavior_type supervisor(Self self, SupervisorOptions options) {
  install_fault_handler(self);
  auto& state = self->state;
  state.options = std::move(options);
  auto& context = state.options.context;
  if (state.options.phase.replay)  // the buffer passes the policy's tokens on
    identity_of(context.paths.weights() /
                weights_name(context.config, state.options.phase.reference_weights))
        .put_into(context.wiring.hello);
  state.watch = RoleWatch(state.options.step_deadline);
  state.ports = Ports(state.options.context.wiring, "supervisor", 0);
  state.control = state.ports.bind<Heartbeat, Finished, Fault>(
      caf::actor_cast<SupervisorActor>(self), Arrow::kControl, 0, 0);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  start_control_roles(self);
  for (auto& plan : node_plans(state.options.context.config, state.options.phase)) {
    auto& node = state.nodes[plan.name];
    node.plan = std::move(plan);
    node.budget = RestartBudget(state.options.context.config.machine.max_restarts);
    start_node(self, node);
  }
  self->delayed_send(self, kTick, Tick{});
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        if (event.kind == LinkEvent::Kind::kUp)
          s.node_names[event.from] = event.hello.role.substr(event.hello.role.find(':') + 1);
        if (event.kind == LinkEvent::Kind::kDown) s.node_names.erase(event.from);
        if (event.kind == LinkEvent::Kind::kRefused && s.refusals_told < kRefusalsTold) {
          ++s.refusals_told;
          s.status.events.push_back("refused a process: " + event.text);
        }
      },
      [self](Tick) {
        tick(self);
        self->delayed_send(self, kTick, Tick{});
      },
      [self](StopPhase) {
        end_phase(self, State::kStopped, "");
        begin_finish(self, true, false);
        kill_nodes(self, /*joined_too=*/false);
      },
      [self](StatusRequest) { return self->state.status; },
      [self](const From<Heartbeat>& m) { on_heartbeat(self, m); },
      [self](const From<Finished>& m) {
        auto& s = self->state;
        if (!speaks_for(s, m.from, m.message.node)) return s.ports.refuse(m.from, m.sequence);
        s.nodes.at(m.message.node).finished = true;
      },
      [self](const From<Fault>& m) { on_fault(self, m); },
  };
}

}  // namespace charter::actors
