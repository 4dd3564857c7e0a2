#include "actors/ledger_actor.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>

#include "actors/fault_handler.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kCreditPerWorker = 64;
constexpr size_t kReasonBytes = 2000;  // of a text that a peer chose

// Between two characters of UTF-8.
std::string cut(const std::string& text) {
  size_t size = std::min(text.size(), kReasonBytes);
  while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

RoleReport role_report(const LedgerState& state) {
  const auto waiting = state.waiting.size();
  return {.name = "ledger/0",
          .progress = state.progress,
          .state = state.trouble  ? "waiting: " + state.trouble->what
                   : waiting == 0 ? "serving"
                                  : "committing " + std::to_string(waiting) + " messages",
          .notice = state.notice};
}

// One transaction for all that waits. Throws LedgerError with nothing done when it cannot be made.
void commit(LedgerState& state, const metrics::LedgerMetrics& metrics) {
  if (state.waiting.empty()) return;
  if (const auto why = state.ledger->displaced(); !why.empty())
    throw store::LedgerError("ledger " + why);
  state.ports.say(role_report(state));  // it may wait for the disk
  const auto start = Clock::now();
  state.to_tell.clear();
  const auto limits = state.limits;
  try {
    state.ledger->batch([&] {
      for (auto& entry : state.waiting) entry.apply(*state.ledger, state);
    });
  } catch (const store::LedgerError&) {
    state.limits = limits;  // what they saw is rolled back too, and is looked at again
    throw;
  }
  metrics.commit_seconds.Observe(std::chrono::duration<double>(Clock::now() - start).count());
  metrics.rows.Increment(static_cast<double>(state.waiting.size()));
  for (auto& entry : state.waiting) state.ports.acknowledge(entry.from, entry.sequence);
  state.waiting.clear();
  for (const auto& what : state.to_tell) state.commits.push(what, 0);
  ++state.progress;
  state.ports.say(role_report(state));
}

std::string waited_since(Clock::time_point start) {
  return std::to_string(std::chrono::round<std::chrono::seconds>(Clock::now() - start).count()) +
         " s";
}

// Looks again later, or throws what the trouble began with.
void wait_out(LedgerActor::stateful_pointer<LedgerState> self, const store::LedgerError& error,
              const LedgerPatience& patience) {
  auto& state = self->state;
  if (!state.trouble) state.trouble = {error.what(), Clock::now()};
  if (Clock::now() - state.trouble->since >= patience.longest)
    throw store::LedgerError(state.trouble->what + ", for " + waited_since(state.trouble->since));
  state.scheduled = true;
  self->delayed_send(self, patience.between, Tick{});
}

void try_commit(LedgerActor::stateful_pointer<LedgerState> self,
                const metrics::LedgerMetrics& metrics, const LedgerPatience& patience) {
  auto& state = self->state;
  state.scheduled = false;
  try {
    commit(state, metrics);
  } catch (const store::LedgerError& error) {
    return wait_out(self, error, patience);
  }
  if (state.trouble)
    state.notice = state.trouble->what + "; passed after " + waited_since(state.trouble->since);
  state.trouble.reset();
  if (state.finishing) self->quit();
}

void fold_in_time(LedgerState& state, const LedgerPatience& patience) {
  const auto now = Clock::now();
  if (now - state.folded < patience.fold) return;
  state.folded = now;
  try {
    state.ledger->fold_log(false);
  } catch (const store::LedgerError&) {  // the next commit meets it
  }
}

bool holds(const LedgerState& state, int64_t id, uint64_t ticket) {
  const auto found = state.given.find(id);
  return found != state.given.end() && found->second.ticket == ticket;
}

bool holds(const LedgerState& state, const std::vector<int64_t>& ids,
           const std::vector<uint64_t>& tickets) {
  if (ids.empty() || ids.size() != tickets.size()) return false;
  for (size_t i = 0; i < ids.size(); ++i)
    if (!holds(state, ids[i], tickets[i])) return false;
  return true;
}

bool trains(Role role, const std::string& model) {
  if (role == Role::kPpoLearner) return model == "sl" || model == "policy";
  return role == Role::kPmTrainer && (model == "pmp" || model == "pm" || model == "pm_online");
}

std::map<std::string, int64_t> newest_versions(const store::Ledger& ledger) {
  std::map<std::string, int64_t> newest;
  for (const char* model : {"sl", "policy", "pmp", "pm", "pm_online"})
    for (const auto& row : ledger.versions(model))
      newest[model] = std::max(newest[model], row.version);
  return newest;
}

bool can_be(LedgerState& state, Peer, const Record& r) {
  return holds(state, r.work_id, r.ticket) && state.given[r.work_id].kind == r.kind &&
         r.version >= 0 && nlohmann::json::accept(r.body);
}

bool can_be(LedgerState& state, Peer, const Quarantine& q) {
  return holds(state, q.work_id, q.ticket);
}

// Versions may arrive out of order, but no further apart than messages may be outstanding.
bool can_be(LedgerState& state, Peer from, const Trained& t) {
  const auto peer = state.peers.find(from);
  return peer != state.peers.end() && trains(peer->second, t.model) &&
         holds(state, t.work_ids, t.tickets) && t.version >= 1 &&
         t.version <= state.versions[t.model] + kCreditPerWorker && nlohmann::json::accept(t.stats);
}

bool can_be(LedgerState& state, Peer, const Returned& r) {
  return holds(state, r.work_ids, r.tickets);
}

void apply_record(store::Ledger& ledger, LedgerState& state, const Record& r,
                  prometheus::Counter& duplicates) {
  const bool added = ledger.record({.work_id = r.work_id,
                                    .kind = r.kind,
                                    .body = r.body,
                                    .lineage = state.lineage,
                                    .version = r.version});
  if (!added) duplicates.Increment();
  // Told even when it was there before: the source may have restarted since.
  state.to_tell.push_back(
      {.what = "record", .kind = r.kind, .version = r.version, .work_ids = {r.work_id}});
}

// The statistic of a version; NaN where it is missing, or null for a value that was not finite.
double number(const nlohmann::json& stats, std::string_view key) {
  const auto at = stats.find(key);
  return at != stats.end() && at->is_number() ? at->get<double>()
                                              : std::numeric_limits<double>::quiet_NaN();
}

std::vector<metrics::Crossing> look(metrics::LimitWatch& limits, int64_t version,
                                    const std::string& text) {
  const auto stats = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!stats.is_object()) return {};
  return limits.look(version, [&](std::string_view key) { return number(stats, key); });
}

void apply_trained(store::Ledger& ledger, LedgerState& state, const Trained& t,
                   const metrics::LimitMetrics& limits) {
  ledger.mark_trained(t.model, state.lineage, t.version, t.work_ids);
  ledger.add_version(
      {.model = t.model, .lineage = state.lineage, .version = t.version, .stats = t.stats});
  state.versions[t.model] = std::max(state.versions[t.model], t.version);
  state.to_tell.push_back(
      {.what = "trained", .kind = t.model, .version = t.version, .work_ids = t.work_ids});
  if (t.model != "policy") return;
  for (const auto& crossing : look(state.limits, t.version, t.stats))
    ledger.add_event(crossing.state.exceeded ? "warning" : "info", metrics::text(crossing));
  for (const auto& each : state.limits.states()) limits.show(each);
}

// The versions that a resumed phase goes on from: their crossings are events already.
void recall_limits(LedgerState& state, int64_t newest, const metrics::LimitMetrics& limits) {
  for (const auto& row : state.ledger->surviving_versions("policy"))
    if (row.version <= newest) (void)look(state.limits, row.version, row.stats);
  for (const auto& each : state.limits.states()) limits.show(each);
}

template <class T, class Apply>
void take(LedgerActor::stateful_pointer<LedgerState> self, const From<T>& message, Apply apply) {
  auto& state = self->state;
  if (!can_be(state, message.from, message.message))
    return state.ports.refuse(message.from, message.sequence);
  state.waiting.push_back(
      {message.from, message.sequence, [message, apply](store::Ledger& ledger, LedgerState& s) {
         apply(ledger, s, message.message);
       }});
  if (!state.scheduled) {
    state.scheduled = true;
    self->send(self, Tick{});  // behind what is in the mailbox already: one commit for all of it
  }
}

}  // namespace

LedgerActor::behavior_type ledger_actor(LedgerActor::stateful_pointer<LedgerState> self,
                                        Wiring wiring, std::shared_ptr<store::Ledger> ledger,
                                        GivenOut given, int64_t policy_version,
                                        metrics::LedgerMetrics metrics,
                                        metrics::LimitMetrics limits, LedgerPatience patience) {
  install_fault_handler(self);
  auto& state = self->state;
  state.lineage = wiring.hello.lineage;
  state.ledger = std::move(ledger);
  state.given = std::move(given);
  state.versions = newest_versions(*state.ledger);
  recall_limits(state, policy_version, limits);
  state.ports = Ports(std::move(wiring), "ledger", 0);
  const auto link = state.ports.bind<Record, Quarantine, Trained, Returned>(
      caf::actor_cast<LedgerActor>(self), Arrow::kRecord, 0, kCreditPerWorker);
  state.commits = Outbox(&state.ports);
  state.ports.say(role_report(state));
  return {
      [self, link](const LinkEvent& event) {
        auto& s = self->state;
        if (event.kind == LinkEvent::Kind::kUp)
          if (const auto role = role_of(event.hello.role)) s.peers[event.from] = *role;
        if (event.kind == LinkEvent::Kind::kDown) s.peers.erase(event.from);
        // Commits are told to the prompt source alone; it is the only peer that grants the ledger
        // credit.
        if (event.kind == LinkEvent::Kind::kUp && event.hello.role == "prompt_source")
          s.commits.add_link(link);
        (void)s.commits.handle(event);
      },
      [self, metrics, patience](Tick) { try_commit(self, metrics, patience); },
      [self, metrics, patience](const FinishRole& finish) {
        auto& s = self->state;
        s.finishing = true;
        if (!finish.complete)
          try_commit(self, metrics, {.longest = {}, .between = patience.between});
        else if (!s.trouble)
          try_commit(self, metrics, patience);
      },
      [self, patience](Probe) {
        fold_in_time(self->state, patience);
        return self->state.ports.say(role_report(self->state));
      },
      [self, metrics](const From<Record>& m) {
        take(self, m, [metrics](store::Ledger& l, LedgerState& s, const Record& r) {
          apply_record(l, s, r, metrics.duplicates);
        });
      },
      [self](const From<Quarantine>& m) {
        take(self, m, [](store::Ledger& l, LedgerState& s, const Quarantine& q) {
          const auto row = l.find(q.work_id);
          const auto reason = cut(q.reason);
          l.quarantine(q.work_id, reason);
          if (row && row->state == store::WorkState::kPending)  // said again: no further row
            l.add_event("warning",
                        "work item " + std::to_string(q.work_id) + " quarantined: " + reason);
          s.to_tell.push_back({.what = "quarantined", .work_ids = {q.work_id}});
        });
      },
      [self, limits](const From<Trained>& m) {
        take(self, m, [limits](store::Ledger& l, LedgerState& s, const Trained& t) {
          apply_trained(l, s, t, limits);
        });
      },
      [self](const From<Returned>& m) {
        take(self, m, [](store::Ledger& l, LedgerState& s, const Returned& r) {
          l.add_event("info", std::to_string(r.work_ids.size()) +
                                  " trajectories returned: " + cut(r.reason));
          s.to_tell.push_back({.what = "returned", .work_ids = r.work_ids});
        });
      },
  };
}

}  // namespace charter::actors
