#include "actors/node.hpp"

#include <nlohmann/json.hpp>

#include "actors/fault_handler.hpp"
#include "actors/kept_model.hpp"
#include "metrics/process_collector.hpp"

namespace charter::actors {
namespace {

using Self = NodeActor::stateful_pointer<NodeState>;
constexpr auto kMemoryInterval = std::chrono::seconds(2);  // the kernel walks every page for it
constexpr auto kHeartbeat = std::chrono::milliseconds(500);

void heartbeat(NodeState& state) {
  if (state.supervisor.peer == 0) return;
  nlohmann::json actors = nlohmann::json::array();
  int64_t progress = 0;
  for (const auto& [name, report] : state.watch.reports()) {
    progress += report.progress;
    actors.push_back({{"name", name},
                      {"progress", report.progress},
                      {"tokens", report.tokens},
                      {"state", report.state},
                      {"notice", report.notice}});
  }
  if (const auto now = std::chrono::steady_clock::now(); now - state.pss_read > kMemoryInterval) {
    state.pss_read = now;
    state.pss_bytes = metrics::pss_bytes(::getpid()).value_or(0);
  }
  state.ports.announce(state.supervisor, Heartbeat{.node = state.node,
                                                   .progress = state.assigned ? progress : -1,
                                                   .metrics_address = state.metrics_address,
                                                   .pss_bytes = state.pss_bytes,
                                                   .actors = actors.dump()});
}

void probe(Self self) {
  auto& state = self->state;
  for (const auto& [name, role] : state.roles) {
    if (!state.watch.ask(name)) continue;
    self->request(role, caf::infinite, Probe{})
        .then([self, name = name](
                  RoleReport& report) { self->state.watch.answered(name, std::move(report)); },
              [](caf::error&) {
              });  // its death arrives as a down message, its silence is what the watch is for
  }
}

// A role that hangs answers nothing: what it wrote down before says more.
void hear(NodeState& state) {
  for (const auto& [name, role] : state.roles)
    if (auto report = state.context.wiring.roster->last(name))
      state.watch.heard(name, std::move(*report));
}

// A role that does not answer is a fault of its process.
void check_answers(Self self) {
  auto& state = self->state;
  state.watch.advance(std::chrono::steady_clock::now());
  const auto overdue = state.watch.overdue();
  if (!overdue) return;
  state.ports.announce(state.supervisor, Fault{state.node, overdue->role, overdue->text});
  self->quit(caf::make_error(caf::sec::request_timeout, overdue->role + " " + overdue->text));
}

void assign(Self self, const Assignment& assignment) {
  auto& state = self->state;
  if (state.assigned) return;
  state.assigned = true;
  const auto phase = find_phase(state.context.config, assignment.phase);
  state.watch = RoleWatch(step_deadline(state.context.config, state.context.paths.weights()));
  auto models = std::make_shared<PhaseModels>(state.context.paths.weights(), state.context.config);
  const auto packed = prepare_models(*models, phase, assignment.roles);
  metrics::Maker make(*state.context.registry,
                      {{"run", state.context.config.run.name}, {"actor", "node/" + state.node}});
  state.packed = PackedMeter(make, packed);
  state.packed.show();
  for (const auto& role : assignment.roles) {
    auto handle =
        spawn_role(self->system(), state.context, models, packed, phase, role, assignment.items);
    self->monitor(handle);
    state.roles.emplace(role, handle);
    state.watch.add(role);
  }
}

// Ends every role before the node: a role still alive would hold its addresses against its
// successor.
void die(Self self, const caf::error& reason) {
  auto& state = self->state;
  state.dying = reason;
  for (const auto& [name, handle] : state.roles) self->send_exit(handle, caf::exit_reason::kill);
  if (state.roles.empty()) self->quit(reason);
}

void on_down(Self self, const caf::down_msg& down) {
  auto& state = self->state;
  for (auto it = state.roles.begin(); it != state.roles.end(); ++it) {
    if (it->second.address() != down.source) continue;
    const auto role = it->first;
    state.roles.erase(it);
    state.watch.forget(role);
    if (down.reason && !state.dying) {
      const auto text = fault_text(self->system(), down.reason);
      state.ports.announce(state.supervisor, Fault{state.node, role, text});
      die(self, down.reason);
    }
    if (state.dying) {
      if (state.roles.empty()) self->quit(state.dying);
    } else if (state.finishing && state.roles.empty()) {
      state.ports.announce(state.supervisor, Finished{state.node});
      self->quit();
    }
    return;
  }
}

}  // namespace

NodeActor::behavior_type node(Self self, NodeContext context, std::string name,
                              std::string metrics_address) {
  install_fault_handler(self);
  auto& state = self->state;
  state.context = std::move(context);
  state.node = std::move(name);
  state.metrics_address = std::move(metrics_address);
  state.ports = Ports(state.context.wiring, "node:" + state.node, 0);
  state.ports.connect<Assignment, Finish>(caf::actor_cast<NodeActor>(self), Arrow::kControl, 0, 0);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  self->set_exit_handler([self](const caf::exit_msg& message) { die(self, message.reason); });
  self->delayed_send(self, kHeartbeat, Tick{});
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        if (event.kind == LinkEvent::Kind::kUp) {
          s.supervisor = event.from;
          heartbeat(s);
        }
        if (event.kind == LinkEvent::Kind::kRefused) throw std::runtime_error(event.text);
      },
      [self](Tick) {
        probe(self);
        hear(self->state);
        heartbeat(self->state);
        self->state.packed.show();
        check_answers(self);
        self->delayed_send(self, kHeartbeat, Tick{});
      },
      [self](const From<Assignment>& m) {
        try {
          assign(self, m.message);
          heartbeat(self->state);            // from here on silence is measured by heartbeats
        } catch (const DamagedWeights& e) {  // each told before this process ends
          self->state.ports.announce(self->state.supervisor,
                                     Fault{self->state.node, kDamagedWeights, e.what()});
          throw;
        } catch (const std::exception& e) {
          self->state.ports.announce(self->state.supervisor,
                                     Fault{self->state.node, "start", e.what()});
          throw;
        }
      },
      [self](const From<Finish>& m) {
        auto& s = self->state;
        // The assignment before it was lost: the supervisor makes both again.
        if (s.finishing || (m.message.complete && !s.assigned)) return;
        s.finishing = true;
        for (const auto& [name, role] : s.roles)
          self->send(role, FinishRole{m.message.checkpoint, m.message.complete});
        if (s.roles.empty()) {
          s.ports.announce(s.supervisor, Finished{s.node});
          self->quit();
        }
      },
  };
}

}  // namespace charter::actors
