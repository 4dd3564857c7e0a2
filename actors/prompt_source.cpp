#include "actors/prompt_source.hpp"

#include <algorithm>
#include <chrono>

#include "actors/fault_handler.hpp"

namespace charter::actors {
namespace {

using Self = PromptSourceActor::stateful_pointer<PromptSourceState>;
using Clock = std::chrono::steady_clock;
constexpr const char* kGatedKind = "rollout";

// The item leaves the gate untrained, whether it is being generated or buffered; a late
// acknowledgement of its lease is void.
void withdraw(PromptSourceState& state, int64_t id) {
  if (state.in_gate.erase(id) != 0) state.gate.rollback();
  if (state.buffered.erase(id) != 0) state.gate.drop(1);
  std::erase_if(state.leased, [id](const auto& entry) { return entry.second.first == id; });
}

void on_failed(PromptSourceState& state, const FailedLeases& failed,
               const metrics::PromptSourceMetrics& metrics) {
  for (int64_t id : failed.requeued) withdraw(state, id);
  for (int64_t id : failed.quarantined) {
    withdraw(state, id);
    metrics.prompts_quarantined.Increment();
    const auto why = std::to_string(state.options.leases.max_attempts) + " leases without a result";
    state.quarantines.push(Quarantine{id, why, state.tickets[id]}, id);
  }
}

bool may_take(const PromptSourceState& state, const PromptSourceState::Worker& worker,
              const std::vector<std::string>& kinds) {
  if (!worker.role) return false;
  const auto own = state.options.kinds_of.find(*worker.role);
  return own == state.options.kinds_of.end() ||
         std::ranges::all_of(kinds, [&](const auto& kind) { return own->second.contains(kind); });
}

// Kinds this worker may be given now: gated ones only while the gate admits.
std::set<std::string> kinds_now(const PromptSourceState& state,
                                const PromptSourceState::Worker& worker) {
  auto kinds = worker.kinds;
  if (state.options.gated && state.gate.capacity() <= 0) {
    kinds.erase(kGatedKind);
    kinds.erase("pair");  // drawn at the pace of the rollouts, so that the PM sees every version of
                          // the policy
  }
  return kinds;
}

void tell_drained(PromptSourceState& state) {
  for (auto& [peer, worker] : state.workers) {
    if (worker.kinds.empty()) continue;
    const bool drained = state.book.pending(worker.kinds) == 0;
    if (drained && !worker.told_drained)
      state.ports.announce(peer, WorkDrained{state.options.phase, worker.issued});
    worker.told_drained = drained;
  }
}

bool lease_one(PromptSourceState& state, Peer peer, PromptSourceState::Worker& worker,
               const metrics::PromptSourceMetrics& metrics) {
  auto lease = state.book.next(kinds_now(state, worker), peer.peer, Clock::now());
  if (!lease) return false;
  const bool gated = state.options.gated && lease->kind == kGatedKind;
  const auto sequence =
      state.ports.send(peer, WorkItem{.work_id = lease->work_id,
                                      .kind = lease->kind,
                                      .payload = lease->payload,
                                      .attempt = lease->attempt,
                                      .min_version = gated ? state.gate.oldest_version() : 0,
                                      .ticket = state.tickets[lease->work_id]});
  if (!sequence) {  // the peer's credit is gone: it will say when it is back
    state.book.give_back(lease->work_id);
    worker.credit = 0;
    return false;
  }
  --worker.credit;
  ++worker.issued;
  ++state.progress;
  if (gated && state.gate.reserve() == rl::Admission::kAdmit) state.in_gate.insert(lease->work_id);
  state.leased[{peer, *sequence}] = {lease->work_id, lease->kind};
  metrics.leases_issued.Increment();
  return true;
}

void issue(PromptSourceState& state, const metrics::PromptSourceMetrics& metrics) {
  if (state.finishing) return;
  bool given = true;
  // Round-robin, so that two workers share what is there.
  while (given) {
    given = false;
    for (auto& [peer, worker] : state.workers)
      if (worker.credit > 0 && !worker.kinds.empty())
        given |= lease_one(state, peer, worker, metrics);
  }
  tell_drained(state);
  metrics.leases_active.Set(static_cast<double>(state.book.counts().leased));
  const bool blocked = state.options.gated && state.gate.capacity() <= 0;
  const auto now = Clock::now();
  if (blocked && state.blocked_since != TimePoint{})
    metrics.admission_blocked_seconds.Increment(
        std::chrono::duration<double>(now - state.blocked_since).count());
  state.blocked_since = blocked ? now : TimePoint{};
}

void on_work_event(PromptSourceState& state, const LinkEvent& event,
                   const metrics::PromptSourceMetrics& metrics) {
  using Kind = LinkEvent::Kind;
  switch (event.kind) {
    case Kind::kUp:
      state.workers[event.from].role = role_of(event.hello.role);
      break;
    case Kind::kCredit:
      state.workers[event.from].credit = event.number;
      break;
    case Kind::kAcked:
      if (auto it = state.leased.find({event.from, static_cast<uint64_t>(event.number)});
          it != state.leased.end()) {
        const auto [id, kind] = it->second;
        state.leased.erase(it);
        state.book.hand_over(id);
        if (state.in_gate.erase(id) != 0) {
          state.gate.commit();
          state.buffered.insert(id);
        }
      }
      break;
    case Kind::kDown:
    case Kind::kLost: {
      // A silent worker may come back with a result; the ledger takes whichever comes first.
      on_failed(state, state.book.peer_lost(event.from.peer), metrics);
      state.workers.erase(event.from);
      break;
    }
    case Kind::kRefused:
      break;
  }
}

// A commit of `what` is the end of an item of this kind.
bool settles(const PromptSourceState& state, const std::string& what, int64_t id) {
  const auto* kind = state.book.kind(id);
  return kind && what == (state.options.settled_by_training.contains(*kind) ? "trained" : "record");
}

void on_committed(PromptSourceState& state, const Committed& commit) {
  int64_t trained = 0, released = 0;
  for (int64_t id : commit.work_ids) {
    if (commit.what == "returned") {
      withdraw(state, id);  // this commit may overtake the worker's acknowledgement
      state.book.give_back(id);
    } else if (commit.what == "quarantined") {
      withdraw(state, id);
      state.book.quarantine(id);
    } else if (settles(state, commit.what, id)) {
      // A trajectory may be trained before its worker's hand-over arrives here: it passed the
      // buffer all the same.
      if (state.in_gate.erase(id) != 0) {
        state.gate.commit();
        state.buffered.insert(id);
      }
      if (state.buffered.erase(id) != 0) ++released;
      ++trained;
      state.book.commit(id);
    }
  }
  if (state.options.gated && commit.what == "trained" && commit.kind == "policy" && trained > 0)
    state.gate.consume(trained, released);
}

bool complete(const PromptSourceState& state) {
  return std::all_of(
      state.options.required.begin(), state.options.required.end(), [&](const auto& kind) {
        // Quarantined prompts may leave less than a batch open, which no learner would ever be
        // sent.
        const int64_t enough =
            state.options.gated && kind == kGatedKind ? state.options.gate.batch_size : 1;
        return state.book.open(kind) < enough;
      });
}

SourceReport report(const PromptSourceState& state) {
  const auto& counts = state.book.counts();
  return {.total = counts.total(),
          .done = counts.done,
          .quarantined = counts.quarantined,
          .leased = counts.leased + counts.handed_over,
          .pending = counts.pending,
          .version = state.gate.version(),
          .complete = complete(state)};
}

RoleReport role_report(const PromptSourceState& state) {
  const auto& c = state.book.counts();
  return {.name = "prompt_source/0",
          .progress = state.progress,
          .state = std::to_string(c.leased) + " leased, " + std::to_string(c.pending) + " pending"};
}

}  // namespace

PromptSourceActor::behavior_type prompt_source(Self self, Wiring wiring,
                                               PromptSourceOptions options,
                                               metrics::PromptSourceMetrics metrics) {
  install_fault_handler(self);
  auto& state = self->state;
  state.book = LeaseBook(options.leases);
  state.gate = rl::StalenessGate(options.gated ? options.gate : rl::StalenessOptions{});
  if (options.gated) state.gate.restore(options.version, 0, 0);
  for (auto& item : options.items) {
    state.tickets[item.work_id] = item.ticket;
    state.book.add(item.work_id, std::move(item.kind), std::move(item.payload));
  }
  options.items.clear();
  state.options = std::move(options);
  state.ports = Ports(std::move(wiring), "prompt_source", 0);
  state.quarantines = Outbox(&state.ports);
  const auto handle = caf::actor_cast<PromptSourceActor>(self);
  state.record_link = state.ports.connect<Committed>(handle, Arrow::kRecord, 0, 256);
  state.quarantines.add_link(state.record_link);
  state.work_link = state.ports.bind<WorkRequest, Renewal>(handle, Arrow::kWork, 0, 0);
  state.ports.say(role_report(state));
  self->delayed_send(self, std::chrono::milliseconds(500), Tick{});
  return {
      [self, metrics](const LinkEvent& event) {
        auto& s = self->state;
        if (event.from.link == s.work_link) on_work_event(s, event, metrics);
        (void)s.quarantines.handle(event);
        issue(s, metrics);
      },
      [self, metrics](Tick) {
        auto& s = self->state;
        const auto failed = s.book.expire(Clock::now());
        metrics.leases_expired.Increment(
            static_cast<double>(failed.requeued.size() + failed.quarantined.size()));
        on_failed(s, failed, metrics);
        // An announcement may be lost: while it holds it is made again.
        for (auto& [peer, worker] : s.workers) worker.told_drained = false;
        issue(s, metrics);
        s.ports.say(role_report(s));
        self->delayed_send(self, std::chrono::milliseconds(500), Tick{});
      },
      [self](FinishRole) { self->quit(); },
      [self](Probe) { return self->state.ports.say(role_report(self->state)); },
      [self, metrics](const From<WorkRequest>& m) {
        auto& s = self->state;
        const auto worker = s.workers.find(m.from);
        if (worker == s.workers.end() || !may_take(s, worker->second, m.message.kinds))
          return s.ports.refuse(m.from, m.sequence);
        worker->second.kinds = {m.message.kinds.begin(), m.message.kinds.end()};
        issue(s, metrics);
      },
      [self](const From<Renewal>& m) {
        self->state.book.renew(m.message.work_ids, m.from.peer, Clock::now());
      },
      [self, metrics](const From<Committed>& m) {
        auto& s = self->state;
        on_committed(s, m.message);
        ++s.progress;
        s.ports.acknowledge(m.from, m.sequence);
        issue(s, metrics);
      },
      [self](SourceReportRequest) { return report(self->state); },
  };
}

}  // namespace charter::actors
