#include "actors/pipeline.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/data_supply.hpp"
#include "actors/phase_run.hpp"
#include "actors/stage_work.hpp"
#include "store/given_up.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
using State = PhaseStatus::State;
constexpr const char* kPeakMemory = "peak_pss_bytes";  // in the detail of a stage's row

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The stage's row. An attempt that was killed left its beginning there and not its end: it lasted
// to the last thing it wrote.
store::StageRow stage_row(Run& run, const std::string& stage) {
  auto row = run.ledger->stage(stage).value_or(store::StageRow{.name = stage});
  if (auto planned = run.options.planned_seconds.find(stage);
      planned != run.options.planned_seconds.end())
    row.planned_seconds = planned->second;
  const double since = nlohmann::json::parse(row.detail).value(kAttemptBegan, 0.0);
  if (since > 0) row.spent_seconds += std::max(0.0, run.ledger->last_activity() - since);
  return row;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Done or skipped, and why: without any work, or with all of a phase's work given up.
void close_stage(Run& run, store::StageRow& row) {
  bool work = false, result = false;
  row.reason.clear();
  for (const auto& phase : phases(run.config())) {
    if (phase.stage != row.name) continue;
    const auto lost = store::given_up(*run.ledger, phase.name, phase.required);
    if (lost.total == 0) continue;
    work = true;
    if (lost.all())
      row.reason += (row.reason.empty() ? "" : "; ") + phase.name + ": all of its " +
                    std::to_string(lost.total) + " work items were given up: " + lost.reason;
    else
      result = true;
  }
  row.state = result ? store::StageState::kDone : store::StageState::kSkipped;
  if (work) return;
  row.reason = "no data";
  const auto why = why_no_work(run.config(), read_counts(run.options.context), row.name);
  if (!why.empty()) row.reason += ": " + why;
}

State run_stage(Run& run, const std::string& stage) {
  auto row = stage_row(run, stage);
  if (row.state == store::StageState::kDone || row.state == store::StageState::kSkipped)
    return State::kDone;
  const auto started = Clock::now();
  const double before = row.spent_seconds;
  row.state = store::StageState::kRunning;
  if (row.started == 0) row.started = unix_seconds();
  const auto peak = nlohmann::json::parse(row.detail).value(kPeakMemory, int64_t{0});
  row.detail = nlohmann::json{{kPeakMemory, peak}, {kAttemptBegan, unix_seconds()}}.dump();
  run.ledger->set_stage(row);
  run.view.stage_begins(stage, row.planned_seconds);
  run.peak_pss = 0;
  State state = State::kDone;
  const auto account = [&] {
    row.spent_seconds = before + seconds_since(started);
    row.detail = nlohmann::json{{kPeakMemory, std::max(run.peak_pss, peak)}}.dump();
  };
  try {
    for (const auto& phase : phases(run.config()))
      if (phase.stage == stage && state == State::kDone) state = run_phase(run, phase, started);
  } catch (const HungActor&) {
    throw;         // the ledger may be held by it
  } catch (...) {  // the time is accounted for, then the fault goes on
    account();
    run.ledger->set_stage(row);
    throw;
  }
  account();
  if (state == State::kDone) {
    close_stage(run, row);
    row.ended = unix_seconds();
  }
  run.ledger->set_stage(row);
  run.view.stage_ends(stage, row);
  return state;
}

}  // namespace

PipelineEnd run_pipeline(caf::actor_system& system, std::shared_ptr<store::Ledger> ledger,
                         const PipelineOptions& options, const PipelineView& view) {
  Run run{system, std::move(ledger), options, view};
  for (const auto& stage : stage_names()) {
    if (stage == "report") continue;  // the caller's: it reads what the others left
    if (!options.only_stage.empty() && stage != options.only_stage) continue;
    if (run.stopping() || run_stage(run, stage) == State::kStopped) return PipelineEnd::kStopped;
  }
  return PipelineEnd::kDone;
}

}  // namespace charter::actors
