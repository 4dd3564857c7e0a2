// Runs the stages of a run in order, each phase under its supervisor; resumes where the ledger
// says.
//
//   for each phase:  restore (checkpoint -> ledger)  ->  add its work  ->  supervisor  ->  done |
//   restore again | stopped
//
// The ledger is used by this thread between phases and by the ledger actor during one.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/role_spawner.hpp"
#include "store/ledger.hpp"

namespace charter::actors {

struct PipelineOptions {
  NodeContext context;                            // without lineage: it rises with every restore
  std::string binary;                             // for worker processes
  std::string metrics_address;                    // of this process
  std::string only_stage;                         // "" for all
  std::map<std::string, double> planned_seconds;  // by stage
  // Both asked several times a second, on the pipeline's thread.
  std::function<bool()> stopping;                     // finish what trains and end
  std::function<std::vector<std::string>()> notices;  // what happened to the process since
  // Throws when a data file is no longer the one that the run's work follows from. Called before a
  // phase's work is made of them.
  std::function<void()> check_data;
};

// In the detail of a stage's row while it runs: when this attempt began, in Unix seconds.
// spent_seconds has the attempts before.
inline constexpr const char* kAttemptBegan = "attempt_began";

// What a person or a script sees while it runs.
struct PipelineView {
  std::function<void(const std::string& stage, double planned_seconds)> stage_begins;
  // About five times a second.
  std::function<void(const Phase&, const PhaseStatus&, double elapsed_seconds)> progress;
  std::function<void(const std::string& stage, const store::StageRow&)> stage_ends;
  std::function<void(const std::string& event)> event;
};

// An actor of this very process does not return. The actor system would wait for it for ever: the
// caller says what() and ends the process without destroying the system.
class HungActor : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class PipelineEnd { kDone, kStopped };

// Throws std::runtime_error with one line when a phase cannot be done, HungActor among them: what
// failed first, which is in the stage's row and an event of the ledger too, where that can be
// written. What the view throws is counted, told once and else ignored.
PipelineEnd run_pipeline(caf::actor_system& system, std::shared_ptr<store::Ledger> ledger,
                         const PipelineOptions& options, const PipelineView& view);

}  // namespace charter::actors
