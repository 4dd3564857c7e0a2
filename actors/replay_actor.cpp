#include "actors/replay_actor.hpp"

#include <algorithm>
#include <cmath>

#include "actors/fault_handler.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kShowInterval = std::chrono::seconds(1);

void observe(const rl::ReplayBatch& batch, int64_t version, const metrics::ReplayMetrics& metrics) {
  for (const auto& scored : batch.trajectories) {
    const auto& versions = scored.trajectory.policy_versions;
    metrics.sample_staleness_versions.Observe(
        static_cast<double>(version - rl::oldest_version(scored.trajectory)));
    metrics.trajectory_version_span.Observe(
        static_cast<double>(versions.back() - versions.front()));
  }
  metrics.dropped_stale.Increment(static_cast<double>(batch.dropped.size()));
}

void give_back(ReplayActorState& state, int64_t id, uint64_t ticket, const char* why) {
  state.returns.push(Returned{{id}, why, {ticket}}, 0);
}

void give_back(ReplayActorState& state, const std::vector<rl::Dropped>& dropped) {
  for (const auto& entry : dropped) {
    state.arrived.erase(entry.work_id);
    give_back(state, entry.work_id, state.tickets[entry.work_id], rl::name(entry.reason));
  }
}

void show_queue(const ReplayActorState& state, const metrics::QueueMetrics& queue) {
  const auto now = Clock::now();
  auto oldest = now;
  for (const auto& [id, at] : state.arrived) oldest = std::min(oldest, at);
  queue.depth.Set(static_cast<double>(state.buffer.size()));
  queue.oldest_age_seconds.Set(std::chrono::duration<double>(now - oldest).count());
}

// The version a batch sent now will be trained from: every batch under way raises it by one.
int64_t version_at_training(const ReplayActorState& state) {
  return state.version + static_cast<int64_t>(state.sent.size());
}

void send_batches(ReplayActorState& state, const metrics::ReplayMetrics& metrics,
                  const metrics::QueueMetrics& queue) {
  while (state.credit > 0 && state.buffer.size() >= state.options.batch) {
    const int64_t version = version_at_training(state);
    auto batch = state.buffer.sample(state.options.batch, state.options.lineage, version);
    give_back(state, batch.dropped);
    observe(batch, version, metrics);
    if (batch.trajectories.empty()) break;
    const auto count = static_cast<int64_t>(batch.trajectories.size());
    const auto sequence = state.ports.send(state.learner, Batch{batch.trajectories});
    if (!sequence) {  // the credit went with the learner; the store takes them back
      state.credit = 0;
      for (auto& scored : batch.trajectories) (void)state.buffer.insert(std::move(scored));
      break;
    }
    state.sent[*sequence] = count;
    for (const auto& scored : batch.trajectories) {
      state.taken.insert(scored.trajectory.work_id);
      state.arrived.erase(scored.trajectory.work_id);
    }
    --state.credit;
  }
  show_queue(state, queue);
}

bool finite(const rl::ScoredTrajectory& scored) {
  const auto all = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  };
  return std::isfinite(scored.score) && all(scored.ref_logprobs) &&
         all(scored.trajectory.behavior_logprobs);
}

void insert(ReplayActorState& state, const From<rl::ScoredTrajectory>& m,
            const metrics::ReplayMetrics& metrics) {
  const int64_t id = m.message.trajectory.work_id;
  if (state.taken.contains(
          id)) {  // the lease was issued again, and the first answer is with the learner
    state.ports.acknowledge(m.from, m.sequence);
    return;
  }
  const auto defect = rl::defect(m.message);
  switch (state.buffer.insert(m.message)) {
    case rl::InsertResult::kInserted:
      state.arrived[id] = Clock::now();
      state.tickets[id] = m.message.trajectory.ticket;
      break;
    case rl::InsertResult::kDuplicate:
      break;
    case rl::InsertResult::kDefective:
      (finite(m.message) ? metrics.dropped_schema : metrics.dropped_nan).Increment();
      state.returns.push(Quarantine{id, defect, m.message.trajectory.ticket}, 0);
      break;
    case rl::InsertResult::kFull:
      // Admission bounds what is in flight below the capacity; arriving here means a duplicate
      // generation won.
      metrics.dropped_filter.Increment();
      give_back(state, id, m.message.trajectory.ticket, "replay buffer full");
      break;
  }
  state.ports.acknowledge(m.from, m.sequence);
}

RoleReport role_report(const ReplayActorState& s) {
  return {
      .name = "replay_buffer/0",
      .progress = s.progress,
      .state = std::to_string(s.buffer.size()) + " buffered, version " + std::to_string(s.version)};
}

}  // namespace

ReplayActor::behavior_type replay_actor(ReplayActor::stateful_pointer<ReplayActorState> self,
                                        Wiring wiring, ReplayActorOptions options,
                                        metrics::ReplayMetrics metrics,
                                        metrics::QueueMetrics queue) {
  install_fault_handler(self, [self] { return "version " + std::to_string(self->state.version); });
  auto& state = self->state;
  state.options = options;
  state.version = options.version;
  state.buffer = rl::ReplayBuffer(options.replay);
  state.ports = Ports(std::move(wiring), "replay_buffer", 0);
  const auto handle = caf::actor_cast<ReplayActor>(self);
  metrics.staleness_bound_versions.Set(static_cast<double>(options.replay.max_staleness));
  queue.capacity.Set(static_cast<double>(options.replay.capacity));
  state.returns = Outbox(&state.ports);
  state.returns.add_link(state.ports.connect<Committed>(handle, Arrow::kRecord, 0, 0));
  state.scored_link =
      state.ports.bind<rl::ScoredTrajectory>(handle, Arrow::kScored, 0, options.replay.capacity);
  state.batch_link = state.ports.bind<>(handle, Arrow::kBatch, 0, 0);
  state.ports.say(role_report(state));
  self->delayed_send(self, kShowInterval, Tick{});
  return {
      [self, metrics, queue](const LinkEvent& event) {
        auto& s = self->state;
        using Kind = LinkEvent::Kind;
        (void)s.returns.handle(event);
        if (event.from.link == s.batch_link) {
          if (event.kind == Kind::kUp) s.learner = event.from;
          if (event.kind == Kind::kCredit) s.credit = event.number;
          if (event.kind == Kind::kDown) s.credit = 0;
          if (event.kind == Kind::kAcked && s.sent.erase(static_cast<uint64_t>(event.number)) != 0)
            ++s.version;
        }
        send_batches(s, metrics, queue);
      },
      [self, queue](Tick) {
        show_queue(self->state, queue);
        self->delayed_send(self, kShowInterval, Tick{});
      },
      [self](FinishRole) { self->quit(); },
      [self](Probe) { return self->state.ports.say(role_report(self->state)); },
      [self, metrics, queue](const From<rl::ScoredTrajectory>& m) {
        ++self->state.progress;
        insert(self->state, m, metrics);
        send_batches(self->state, metrics, queue);
        self->state.ports.say(role_report(self->state));
      },
      [self](const From<Committed>& m) { self->state.ports.acknowledge(m.from, m.sequence); },
  };
}

}  // namespace charter::actors
