#include "actors/rollout.hpp"

#include <ATen/Parallel.h>

#include "actors/fault_handler.hpp"
#include "actors/publish.hpp"
#include "actors/rollout_jobs.hpp"

namespace charter::actors {
namespace {

using Self = RolloutActor::stateful_pointer<RolloutState>;

void use_model(RolloutState& state, const std::string& name) {
  state.loaded = state.models->load(name);
  state.model_name = name;
  if (state.engine) state.engine.reset();
  state.engine.emplace(state.models->packed(name, state.options.packed),
                       state.loaded->text->shared_tokenizer(), model::WeightVersion{},
                       state.options.engine);
  state.meter = {};
}

// The policy takes the place of the start weights, which from then on only the engine holds.
void follow_policy(RolloutState& state) {
  const auto& o = state.options;
  state.policy = PolicyWeights(state.models->packed(o.model, o.packed),
                               state.models->lora_enabled(), o.precision);
  state.options.packed.clear();
}

// Reads the announced version and gives it to the engine.
void apply_weights(RolloutState& state, const WeightsReady& ready,
                   const metrics::RolloutMetrics& metrics) {
  if (!state.options.follows_policy || ready.model != "policy" ||
      !defect(ready, state.ports.wiring().hello.lineage).empty())
    return;
  const model::WeightVersion version{ready.lineage, ready.version};
  if (state.ready && state.engine->version().lineage == version.lineage &&
      state.engine->version().number >= version.number)
    return;
  const auto start = std::chrono::steady_clock::now();
  if (state.ready)
    metrics.weights.version_lag.Set(
        static_cast<double>(version.number - state.engine->version().number));
  const auto snapshot =
      take_snapshot(ready, state.options.snapshots, !state.ready, metrics.weights);
  if (!snapshot) return;
  const auto policy = model::with_snapshot(state.loaded->transformer, *snapshot);
  const int64_t own = state.policy.give(*state.engine, policy, version);
  metrics.packed_policy_bytes.Set(static_cast<double>(own));
  metrics.policy_version.Set(static_cast<double>(version.number));
  metrics.weights.version_lag.Set(0);
  metrics.weights.seconds.Observe(seconds_since(start));
  if (!state.ready) {
    state.ready = true;
    state.work.start();
  }
}

int64_t version_in_use(const RolloutState& state) {
  return state.ready ? state.engine->version().number : -1;
}

// Begins what has waited for the version that is here now.
void begin_early(RolloutState& state) {
  std::deque<WorkItem> early;
  early.swap(state.early);
  for (auto& item : early) {
    if (item.min_version > state.engine->version().number)
      state.early.push_back(std::move(item));
    else
      begin_job(state, item);
  }
}

// One engine step.
bool step(RolloutState& state, const metrics::RolloutMetrics& metrics) {
  while (state.engine->idle() && !state.deferred.empty()) {
    use_model(state, state.deferred.front().work.snapshot);
    begin_deferred(state);
  }
  if (state.engine->idle()) return false;
  for (auto& completion : state.engine->step())
    complete_request(state, std::move(completion), metrics);
  state.meter.show(state.engine->stats(), state.requests.size(), metrics.engine, state.loop);
  return true;
}

RoleReport role_report(RolloutState& s) {
  std::string what = !s.ready && s.options.follows_policy ? "waiting for policy weights"
                     : s.jobs.empty()                     ? "waiting for work"
                                      : std::to_string(s.jobs.size()) + " jobs, " +
                                            std::to_string(s.requests.size()) + " sequences";
  if (!s.early.empty())
    what += ", " + std::to_string(s.early.size()) + " waiting for version " +
            std::to_string(s.early.front().min_version);
  if (s.trajectories.unacknowledged() > 0)
    what += ", " + std::to_string(s.trajectories.unacknowledged()) + " to reward";
  if (s.pairs.unacknowledged() > 0)
    what += ", " + std::to_string(s.pairs.unacknowledged()) + " to feedback";
  return s.loop.report(s.loop.generated(), what);
}

}  // namespace

RolloutActor::behavior_type rollout(Self self, Wiring wiring,
                                    std::shared_ptr<const PhaseModels> models,
                                    RolloutOptions options, metrics::RolloutMetrics metrics,
                                    metrics::StageMetrics stage) {
  install_fault_handler(self, [self] {
    const auto& s = self->state;
    return s.engine && s.options.follows_policy
               ? "version " + std::to_string(s.engine->version().number)
               : std::string();
  });
  auto& state = self->state;
  state.options = std::move(options);
  state.models = std::move(models);
  at::set_num_threads(state.options.threads);
  use_model(state, state.options.model);
  const auto handle = caf::actor_cast<RolloutActor>(self);
  state.ports = Ports(std::move(wiring), "rollout", state.options.index);
  state.trajectories = Outbox(&state.ports);
  state.pairs = Outbox(&state.ports);
  for (int32_t i = 0; i < state.options.rewards; ++i)
    state.trajectories.add_link(state.ports.connect<>(handle, Arrow::kTrajectory, i, 0));
  for (int32_t i = 0; i < state.options.feedbacks; ++i)
    state.pairs.add_link(state.ports.connect<>(handle, Arrow::kPair, i, 0));
  state.work = WorkClient(&state.ports, state.options.kinds, state.options.engine.max_batch + 2);
  state.work.connect(handle);
  state.weights = WeightsClient(&state.ports, "policy");
  if (state.options.follows_policy) {
    follow_policy(state);
    state.weights.connect(handle);
  } else {
    state.work.start();
  }
  state.loop =
      ComputeLoop("rollout/" + std::to_string(state.options.index), state.options.threads, stage);
  state.ports.say(role_report(state));
  return {
      [self](const LinkEvent& event) {
        auto& s = self->state;
        s.ports.expect_accepted(event);
        (void)s.work.handle(event);
        for (int64_t id : s.trajectories.handle(event)) s.work.release(id);
        for (int64_t id : s.pairs.handle(event)) s.work.release(id);
        s.weights.handle(event, version_in_use(s));
      },
      [self, metrics](Tick) {
        auto& s = self->state;
        s.loop.tick(self, [&] { return step(s, metrics); });
        s.ports.say(role_report(s));
      },
      [self, metrics](const FinishRole&) {
        // What is under way is not waited for: its leases go back to the source.
        metrics.engine.ended();
        metrics.packed_policy_bytes.Set(0);
        self->quit();
      },
      [self](Probe) {
        auto& s = self->state;
        s.work.renew();
        s.weights.ask(version_in_use(s));
        return s.ports.say(role_report(s));
      },
      [self](const From<WorkItem>& item) {
        auto& s = self->state;
        if (!s.work.accept(item)) return;
        s.early.push_back(item.message);
        begin_early(s);
        s.loop.wake(self);
      },
      [](const From<WorkDrained>&) {},
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
      [self, metrics](const From<WeightsReady>& m) {
        apply_weights(self->state, m.message, metrics);
        begin_early(self->state);
        self->state.loop.wake(self);
      },
  };
}

}  // namespace charter::actors
