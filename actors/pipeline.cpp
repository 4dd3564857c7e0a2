#include "actors/pipeline.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/data_supply.hpp"
#include "actors/kept_results.hpp"
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

int64_t peak_of(const store::StageRow& row) {
  return nlohmann::json::parse(row.detail).value(kPeakMemory, int64_t{0});
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

// Ended, and what it left behind is still there. Otherwise it is made again of the last checkpoint.
bool is_settled(Run& run, const store::StageRow& row) {
  if (row.state == store::StageState::kSkipped) return true;
  if (row.state != store::StageState::kDone) return false;
  const auto& paths = run.options.context.paths;
  bool whole = true;
  for (const auto& phase : phases(run.config()))
    if (phase.stage == row.name && result_missing(*run.ledger, paths, phase)) {
      require_checkpoint(paths, phase);
      whole = false;
    }
  return whole;
}

// The row of an attempt that begins now, written.
store::StageRow begin_stage(Run& run, const std::string& stage) {
  auto row = stage_row(run, stage);
  if (is_settled(run, row)) return row;
  row.state = store::StageState::kRunning;
  row.reason.clear();
  if (row.started == 0) row.started = unix_seconds();
  row.detail = nlohmann::json{{kPeakMemory, peak_of(row)}, {kAttemptBegan, unix_seconds()}}.dump();
  run.ledger->set_stage(row);
  return row;
}

// What failed, where a later look finds it. The cause may be that nothing can be written.
void record_failure(Run& run, const store::StageRow& row) {
  try {
    run.ledger->set_stage(row);
    run.ledger->add_event("error", row.reason);
    record_notices(run);
  } catch (const store::LedgerError&) {
  }
}

State run_stage(Run& run, const std::string& stage) {
  store::StageRow row;
  with_ledger(run, [&] { row = begin_stage(run, stage); });
  if (row.state != store::StageState::kRunning) return State::kDone;
  const auto started = Clock::now();
  const double before = row.spent_seconds;
  run.show([&] { run.view.stage_begins(stage, row.planned_seconds); });
  run.peak_pss = 0;
  State state = State::kDone;
  const auto account = [&] {
    row.spent_seconds = before + seconds_since(started);
    row.detail = nlohmann::json{{kPeakMemory, std::max(run.peak_pss, peak_of(row))}}.dump();
  };
  try {
    for (const auto& phase : phases(run.config()))
      if (phase.stage == stage && state == State::kDone) state = run_phase(run, phase, started);
  } catch (const HungActor&) {
    throw;                             // the ledger may be held by it
  } catch (const std::exception& e) {  // the time is accounted for, then the fault goes on
    account();
    row.reason = e.what();
    record_failure(run, row);
    throw;
  }
  account();
  with_ledger(run, [&] {
    if (state == State::kDone) {
      close_stage(run, row);
      row.ended = unix_seconds();
    }
    run.ledger->set_stage(row);
    run.ledger->fold_log(true);  // a copy of the database without its log has the stage
  });
  run.show([&] { run.view.stage_ends(stage, row); });
  return state;
}

PipelineEnd run_stages(Run& run) {
  for (const auto& stage : stage_names()) {
    if (stage == "report") continue;  // the caller's: it reads what the others left
    const auto& only = run.options.only_stage;
    if (!only.empty() && stage != only) continue;
    if (run.stopping() || run_stage(run, stage) == State::kStopped) return PipelineEnd::kStopped;
  }
  return PipelineEnd::kDone;
}

}  // namespace

PipelineEnd run_pipeline(caf::actor_system& system, std::shared_ptr<store::Ledger> ledger,
                         const PipelineOptions& options, const PipelineView& view) {
  Run run{system, std::move(ledger), options, view};
  const auto end = run_stages(run);
  if (run.display.failures() > 1)
    run.notices.push_back("the display failed " + run.display.summary());
  with_ledger(run, [&] { record_notices(run); });
  return end;
}

}  // namespace charter::actors
