#include "actors/pipeline.hpp"

#include <algorithm>
#include <ctime>
#include <deque>
#include <limits>
#include <thread>

#include "actors/stage_work.hpp"
#include "actors/supervisor.hpp"
#include "actors/work.hpp"
#include "store/checkpoint.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
using State = PhaseStatus::State;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Run {
  caf::actor_system& system;
  std::shared_ptr<store::Ledger> ledger;
  const PipelineOptions& options;
  const PipelineView& view;
  int64_t peak_pss = 0;

  [[nodiscard]] const config::RunConfig& config() const { return options.context.config; }
  [[nodiscard]] bool stopping() const { return options.stop && *options.stop > 0; }
};

store::CheckpointVersion newest_checkpoint(Run& run, const std::string& model) {
  store::CheckpointStore checkpoints(run.options.context.paths.checkpoints(model), static_cast<size_t>(run.config().rl.keep_checkpoints));
  const auto latest = checkpoints.latest();
  for (const auto& warning : latest.warnings) {
    run.ledger->add_event("warning", warning);
    run.view.event(warning);
  }
  return latest.checkpoint ? latest.checkpoint->at : store::CheckpointVersion{};
}

// What was trained after the checkpoint is pending again. Returns the version training goes on from.
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

// Everything is trained, and what the phase leaves behind is not there: it was stopped in between.
bool result_missing(const NodeContext& context, const Phase& phase, int64_t work) {
  static const std::map<std::string, std::string> results{
      {"sl_train", "sl_cai"}, {"pmp", "pmp.safetensors"}, {"pm_train", "pm.safetensors"}, {"rl", "rl_cai"}};
  const auto result = results.find(phase.name);
  return work > 0 && result != results.end() && !std::filesystem::exists(context.paths.weights() / result->second);
}

std::vector<SourceItem> open_items(Run& run, const Phase& phase) {
  std::vector<SourceItem> items;
  for (auto& row : run.ledger->pending(phase.name, {}, std::numeric_limits<int32_t>::max()))
    items.push_back({row.id, std::move(row.item.kind), std::move(row.item.payload)});
  if (phase.name != "rl" || !run.config().rl.online_pm) return items;
  // Labelled pairs that no surviving PM version was trained on.
  run.ledger->for_each_record("rl", "pair", [&](const store::RecordRow& row) {
    if (row.state != store::WorkState::kRecorded) return true;
    const auto r = nlohmann::json::parse(row.record.body).get<PreferenceRecord>();
    const ComparisonWork work{.comparison_id = r.prompt_id, .prompt = r.prompt, .first = r.first, .second = r.second,
                              .p_first = r.p_first, .source = "ai"};
    items.push_back({row.record.work_id, "preference", nlohmann::json(work).dump()});
    return true;
  });
  return items;
}

SupervisorOptions supervisor_options(Run& run, const Phase& phase, std::vector<SourceItem> items, int64_t version) {
  const auto& c = run.config();
  SupervisorOptions o{.context = run.options.context, .phase = phase, .ledger = run.ledger};
  o.context.wiring.hello.lineage = run.ledger->lineage();
  o.source.phase = phase.name;
  o.source.items = std::move(items);
  o.source.required = phase.required;
  o.source.settled_by_training = phase.settled_by_training;
  o.source.leases = {.duration = std::chrono::duration<double>(c.machine.lease_seconds), .max_attempts = c.machine.max_attempts};
  o.source.gated = phase.replay;
  o.source.gate = {.batch_size = c.rl.batch, .max_staleness = c.rl.max_staleness};
  o.source.version = version;
  o.replay.replay = {.capacity = static_cast<int64_t>(c.rl.max_staleness + 2) * c.rl.batch, .max_staleness = c.rl.max_staleness};
  o.replay.batch = c.rl.batch;
  o.replay.lineage = o.context.wiring.hello.lineage;
  o.replay.version = version;
  o.binary = run.options.binary;
  o.metrics_address = run.options.metrics_address;
  return o;
}

// Watches one supervisor until its phase has ended.
PhaseStatus watch(Run& run, const Phase& phase, SupervisorOptions options, Clock::time_point started) {
  caf::scoped_actor self{run.system};
  auto supervisor_handle = run.system.spawn<caf::detached>(supervisor, std::move(options));
  self->monitor(supervisor_handle);
  PhaseStatus status;
  size_t events_seen = 0;
  bool stop_sent = false;
  while (status.state == State::kRunning) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (run.stopping() && !stop_sent) {
      self->send(supervisor_handle, StopPhase{});
      stop_sent = true;
    }
    self->request(supervisor_handle, std::chrono::seconds(60), StatusRequest{})
        .receive([&](PhaseStatus& now) { status = std::move(now); },
                 [&](caf::error& error) {
                   status.state = State::kFailed;
                   status.reason = "the supervisor died: " + run.system.render(error);
                 });
    for (; events_seen < status.events.size(); ++events_seen) run.view.event(status.events[events_seen]);
    run.peak_pss = std::max(run.peak_pss, status.pss_bytes);
    run.view.progress(phase, status, seconds_since(started));
  }
  self->send_exit(supervisor_handle, caf::exit_reason::user_shutdown);
  self->receive([](const caf::down_msg&) {});   // its ends of the links are closed: the next phase may bind them
  return status;
}

// kDone, kStopped, or an exception. A trainer's death restores the phase and goes on, within the restart budget.
State run_phase(Run& run, const Phase& phase, Clock::time_point started) {
  std::deque<Clock::time_point> restores;
  while (true) {
    const int64_t version = restore(run, phase);
    run.ledger->raise_lineage();
    run.ledger->add_work(stage_work(run.options.context, *run.ledger, phase));
    auto items = open_items(run, phase);
    const bool work = std::any_of(items.begin(), items.end(), [&](const auto& item) { return phase.required.contains(item.kind); });
    const auto status = work || result_missing(run.options.context, phase, run.ledger->count_by_state(phase.name).total())
                            ? watch(run, phase, supervisor_options(run, phase, std::move(items), version), started)
                            : PhaseStatus{.state = State::kDone};
    for (const auto& event : status.events) run.ledger->add_event("warning", phase.name + ": " + event);
    if (status.state == State::kDone || status.state == State::kStopped) return status.state;
    if (status.state == State::kFailed || run.stopping()) throw std::runtime_error(phase.name + ": " + status.reason);
    const auto now = Clock::now();
    restores.push_back(now);
    while (now - restores.front() > std::chrono::minutes(10)) restores.pop_front();
    if (static_cast<int32_t>(restores.size()) > run.config().machine.max_restarts)
      throw std::runtime_error(phase.name + ": " + status.reason + "; more than " + std::to_string(run.config().machine.max_restarts) +
                               " restores in ten minutes (machine.max_restarts)");
  }
}

// The stage's row, with the seconds of this attempt added to those before.
store::StageRow stage_row(Run& run, const std::string& stage) {
  auto row = run.ledger->stage(stage).value_or(store::StageRow{.name = stage});
  if (auto planned = run.options.planned_seconds.find(stage); planned != run.options.planned_seconds.end())
    row.planned_seconds = planned->second;
  return row;
}

int64_t work_of_stage(Run& run, const std::string& stage) {
  int64_t total = 0;
  for (const auto& phase : phases(run.config()))
    if (phase.stage == stage) total += run.ledger->count_by_state(phase.name).total();
  return total;
}

State run_stage(Run& run, const std::string& stage) {
  auto row = stage_row(run, stage);
  if (row.state == store::StageState::kDone || row.state == store::StageState::kSkipped) return State::kDone;
  const auto started = Clock::now();
  const double before = row.spent_seconds;
  row.state = store::StageState::kRunning;
  if (row.started == 0) row.started = static_cast<double>(std::time(nullptr));
  run.ledger->set_stage(row);
  run.view.stage_begins(stage, row.planned_seconds);
  run.peak_pss = 0;
  State state = State::kDone;
  const auto account = [&] {
    row.spent_seconds = before + seconds_since(started);
    row.detail = nlohmann::json{{"peak_pss_bytes", std::max(run.peak_pss, nlohmann::json::parse(row.detail).value("peak_pss_bytes", int64_t{0}))}}.dump();
  };
  try {
    for (const auto& phase : phases(run.config()))
      if (phase.stage == stage && state == State::kDone) state = run_phase(run, phase, started);
  } catch (...) {   // the time is accounted for, then the fault goes on
    account();
    run.ledger->set_stage(row);
    throw;
  }
  account();
  if (state == State::kDone) {
    const bool empty = work_of_stage(run, stage) == 0;
    row.state = empty ? store::StageState::kSkipped : store::StageState::kDone;
    if (empty) row.reason = "no data";
    row.ended = static_cast<double>(std::time(nullptr));
  }
  run.ledger->set_stage(row);
  run.view.stage_ends(stage, row);
  return state;
}

}  // namespace

PipelineEnd run_pipeline(caf::actor_system& system, std::shared_ptr<store::Ledger> ledger, const PipelineOptions& options,
                         const PipelineView& view) {
  Run run{system, std::move(ledger), options, view};
  for (const auto& stage : stage_names()) {
    if (stage == "report") continue;   // the caller's: it reads what the others left
    if (!options.only_stage.empty() && stage != options.only_stage) continue;
    if (run.stopping() || run_stage(run, stage) == State::kStopped) return PipelineEnd::kStopped;
  }
  return PipelineEnd::kDone;
}

}  // namespace charter::actors
