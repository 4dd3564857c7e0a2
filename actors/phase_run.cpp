#include "actors/phase_run.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <thread>

#include "actors/kept_results.hpp"
#include "actors/phase_models.hpp"
#include "actors/phase_watch.hpp"
#include "actors/restart_budget.hpp"
#include "actors/role_watch.hpp"
#include "actors/stage_work.hpp"
#include "actors/work.hpp"
#include "store/checkpoint.hpp"
#include "store/given_up.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
using State = PhaseStatus::State;

store::CheckpointVersion newest_checkpoint(Run& run, const std::string& model) {
  store::CheckpointStore checkpoints(run.options.context.paths.checkpoints(model),
                                     static_cast<size_t>(run.config().rl.keep_checkpoints));
  const auto latest = checkpoints.latest();
  for (const auto& warning : latest.warnings) {
    run.ledger->add_event("warning", warning);
    run.tell(warning);
  }
  require_known(checkpoints, *run.ledger, model);
  return latest.checkpoint ? latest.checkpoint->at : store::CheckpointVersion{};
}

// What was trained after the checkpoint is pending again. Returns the version training goes on
// from.
int64_t restore(Run& run, const Phase& phase) {
  if (phase.trained_model.empty()) return 0;
  const auto at = newest_checkpoint(run, phase.trained_model);
  run.ledger->restore_to(phase.trained_model, at.lineage, at.version);
  if (phase.name == "rl") {
    const auto pm = newest_checkpoint(run, "pm_online");
    run.ledger->restore_to("pm_online", pm.lineage, pm.version, store::Reopen::kRecorded);
  }
  return at.version;
}

// Every model the phase's actors read was left behind by an earlier stage.
void require_weights(const NodeContext& context, const Phase& phase) {
  std::vector<std::string> needed;
  const auto name = [&](const char* part) { return weights_name(context.config, part); };
  if (!phase.rollout_kinds.empty()) needed.push_back(phase.rollout_weights);
  if (!phase.feedback_kinds.empty() || phase.feedback_serves_pairs) needed.push_back(name("judge"));
  if (!phase.reward_kinds.empty() || phase.reward_serves_trajectories) {
    needed.push_back(phase.reference_weights);
    if (phase.name != "firewall") needed.push_back("pm.safetensors");
  }
  if (phase.pm_trainer) needed.push_back(name("pm_init"));
  for (const auto& weights : needed) {
    const auto path = context.paths.weights() / weights_name(context.config, weights);
    if (std::filesystem::exists(path)) continue;
    throw std::runtime_error(phase.name + ": " + path.string() +
                             ": no such model; the stage that makes it has not run or had no data");
  }
}

uint64_t new_ticket(std::random_device& device) { return uint64_t{device()} << 32 | device(); }

// version: that training goes on from.
std::vector<SourceItem> open_items(Run& run, const Phase& phase, int64_t version) {
  std::vector<SourceItem> items;
  std::random_device device;
  // The ledger may hold more than are wanted: rl.updates may be lowered in a started run.
  const auto& rl = run.config().rl;
  int64_t rollouts = (rl.updates - version) * rl.batch;
  for (auto& row : run.ledger->pending(phase.name, {}, std::numeric_limits<int32_t>::max())) {
    if (row.item.kind == "rollout" && rollouts-- <= 0) continue;
    items.push_back(
        {row.id, std::move(row.item.kind), std::move(row.item.payload), new_ticket(device)});
  }
  if (phase.name != "rl" || !run.config().rl.online_pm) return items;
  // Labelled pairs that no surviving PM version was trained on.
  run.ledger->for_each_record("rl", "pair", [&](const store::RecordRow& row) {
    if (row.state != store::WorkState::kRecorded) return true;
    const auto r = nlohmann::json::parse(row.record.body).get<PreferenceRecord>();
    const ComparisonWork work{.comparison_id = r.prompt_id,
                              .prompt = r.prompt,
                              .first = r.first,
                              .second = r.second,
                              .p_first = r.p_first,
                              .source = "ai"};
    items.push_back(
        {row.record.work_id, "preference", nlohmann::json(work).dump(), new_ticket(device)});
    return true;
  });
  return items;
}

SupervisorOptions supervisor_options(Run& run, const Phase& phase, std::vector<SourceItem> items,
                                     int64_t version) {
  const auto& c = run.config();
  SupervisorOptions o{.context = run.options.context,
                      .phase = phase,
                      .items = run.ledger->count_by_state(phase.name).total(),
                      .ledger = run.ledger};
  o.context.wiring.hello.lineage = run.ledger->lineage();
  o.source.phase = phase.name;
  o.source.items = std::move(items);
  o.source.required = phase.required;
  o.source.settled_by_training = phase.settled_by_training;
  const auto kinds = [](const std::vector<std::string>& list) {
    return std::set<std::string>(list.begin(), list.end());
  };
  o.source.kinds_of = {{Role::kRollout, kinds(phase.rollout_kinds)},
                       {Role::kFeedback, kinds(phase.feedback_kinds)},
                       {Role::kReward, kinds(phase.reward_kinds)},
                       {Role::kPmTrainer, kinds(phase.pm_kinds)},
                       {Role::kPpoLearner, {"sft"}}};
  o.source.leases = {.duration = lease_duration(c, run.options.context.paths.weights()),
                     .max_attempts = c.machine.max_attempts};
  o.source.gated = phase.replay;
  o.source.gate = {.batch_size = c.rl.batch, .max_staleness = c.rl.max_staleness};
  o.source.version = version;
  o.replay.replay = {.capacity = static_cast<int64_t>(c.rl.max_staleness + 2) * c.rl.batch,
                     .max_staleness = c.rl.max_staleness};
  o.replay.batch = c.rl.batch;
  o.replay.lineage = o.context.wiring.hello.lineage;
  o.replay.version = version;
  const auto step = step_deadline(c, run.options.context.paths.weights());
  o.step_deadline = step;
  o.start_deadline = std::max(o.start_deadline, step);
  o.drain_deadline = std::max(o.drain_deadline, step);
  o.binary = run.options.binary;
  o.metrics_address = run.options.metrics_address;
  return o;
}

constexpr std::chrono::milliseconds kLook{100};

// What a phase begins with.
struct Begun {
  std::vector<SourceItem> items;
  int64_t version = 0;
  bool work = false;     // something that must be done is open
  bool missing = false;  // all is done but for what the phase leaves behind
};

Begun begin_phase(Run& run, const Phase& phase) {
  Begun begun{.version = restore(run, phase)};
  run.ledger->raise_lineage();
  if (run.options.check_data) run.options.check_data();
  std::vector<std::string> notes;
  run.ledger->fill_work(stage_work(run.options.context, *run.ledger, phase, &notes));
  for (const auto& note : notes) run.ledger->add_event("warning", note);
  begun.items = open_items(run, phase, begun.version);
  begun.work = std::any_of(begun.items.begin(), begun.items.end(),
                           [&](const auto& item) { return phase.required.contains(item.kind); });
  begun.missing = result_missing(*run.ledger, run.options.context.paths, phase);
  record_notices(run);
  return begun;
}

// after: what the phase is restored for, or "".
Begun begin_when_possible(Run& run, const Phase& phase, const std::string& after) {
  Begun begun;
  try {
    with_ledger(run, [&] { begun = begin_phase(run, phase); });
  } catch (const store::LedgerError& e) {
    throw std::runtime_error(phase.name + ": " + (after.empty() ? "" : after + "; then ") +
                             e.what());
  }
  return begun;
}

// The events of a phase that has failed are written if they can be; others are waited for. What it
// failed of becomes an event of its own, with the stage's row.
void record_events(Run& run, const Phase& phase, const PhaseStatus& status) {
  const auto write = [&] {
    run.ledger->batch([&] {
      for (const auto& event : status.events)
        if (status.state != State::kFailed || event != status.reason)
          run.ledger->add_event("warning", phase.name + ": " + event);
    });
  };
  if (status.state != State::kFailed) return with_ledger(run, write);
  try {
    write();
  } catch (const store::LedgerError&) {  // perhaps what it failed of
  }
}

void tell_given_up(Run& run, const Phase& phase) {
  std::string line;
  with_ledger(run, [&] {
    const auto lost = store::given_up(*run.ledger, phase.name);
    if (lost.count == 0) return;
    line = phase.name + ": " + text(lost);
    run.ledger->add_event("warning", line);
  });
  if (!line.empty()) run.tell(line);
}

// A phase that gave up all its work has no result. Later stages would train on the models before
// it as if they were its own, or end with an error that names another cause.
void require_result(Run& run, const Phase& phase) {
  const auto lost = store::given_up(*run.ledger, phase.name, phase.required);
  if (phase.optional || !lost.all()) return;
  throw std::runtime_error(phase.name + ": all of its " + std::to_string(lost.total) +
                           " work items were given up, nothing is left for the stages after it; "
                           "most often (" +
                           std::to_string(lost.of_reason) + "): " + lost.reason);
}

}  // namespace

bool Run::stopping() {
  if (options.notices)
    for (auto& notice : options.notices()) {
      tell(notice);
      notices.push_back(std::move(notice));
    }
  return options.stopping && options.stopping();
}

void Run::pause(std::chrono::milliseconds time) {
  for (const auto end = Clock::now() + time; Clock::now() < end && !stopping();)
    std::this_thread::sleep_for(kLook);
}

void Run::tell(const std::string& event) {
  show([&] { view.event(event); });
}

void Run::show(const std::function<void()>& call) {
  if (display.guard(call) || display.failures() > 1) return;
  notices.push_back("the display failed " + display.summary());
}

void with_ledger(Run& run, const std::function<void()>& work) {
  constexpr std::chrono::seconds kLongest{30};
  const auto began = Clock::now();
  std::string first;
  while (true) {
    std::string why = run.ledger->displaced();
    if (!why.empty()) {
      why = "ledger " + why;
    } else {
      try {
        work();
        if (!first.empty()) run.tell(first + "; passed");
        return;
      } catch (const store::LedgerError& e) {
        why = e.what();
      }
    }
    if (first.empty()) run.tell("waiting: " + (first = why));
    if (run.stopping() || Clock::now() - began > kLongest) throw store::LedgerError(first);
    run.pause(kLook);
  }
}

void record_notices(Run& run) {
  run.ledger->batch([&] {
    for (const auto& notice : run.notices) run.ledger->add_event("info", notice);
  });
  run.notices.clear();
}

PhaseStatus::State run_phase(Run& run, const Phase& phase, Clock::time_point started) {
  RestartBudget budget(run.config().machine.max_restarts);
  while (true) {
    auto begun = begin_when_possible(run, phase, budget.first());
    if (begun.work) require_weights(run.options.context, phase);
    const auto status =
        begun.work || begun.missing
            ? watch_phase(run, phase,
                          supervisor_options(run, phase, std::move(begun.items), begun.version),
                          started)
            : PhaseStatus{.state = State::kDone};
    // It may be the ledger's own thread that does not return: nothing more is written.
    if (status.hung) throw HungActor(phase.name + ": " + status.reason);
    record_events(run, phase, status);
    if (status.state == State::kDone || status.state == State::kStopped) {
      tell_given_up(run, phase);
      if (status.state == State::kDone) {
        require_result(run, phase);
        with_ledger(run, [&] { remember_results(*run.ledger, run.options.context.paths, phase); });
      }
      return status.state;
    }
    if (status.state == State::kFailed) throw std::runtime_error(phase.name + ": " + status.reason);
    const auto pause = budget.died(Clock::now(), status.reason);
    if (!pause) throw std::runtime_error(phase.name + ": " + budget.spent("restores"));
    run.pause(*pause);
    if (run.stopping()) return State::kStopped;
  }
}

}  // namespace charter::actors
