#include "cli/run_progress.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/phases.hpp"
#include "actors/pipeline.hpp"

namespace charter::cli {
namespace {

struct Counts {
  int64_t done = 0, total = 0;
};

// Of the kinds that a stage must settle.
Counts count(const store::Ledger& ledger, const config::RunConfig& config,
             const std::string& stage) {
  Counts counts;
  for (const auto& phase : actors::phases(config)) {
    if (phase.stage != stage) continue;
    for (const auto& kind : phase.required) {
      const auto states = ledger.count_by_state(phase.name, kind);
      counts.total += states.total();
      counts.done += states.trained + states.quarantined +
                     (phase.settled_by_training.contains(kind) ? 0 : states.recorded);
    }
  }
  return counts;
}

}  // namespace

void add_progress(nlohmann::ordered_json& status, const store::Ledger& ledger,
                  const config::RunConfig& config, bool live, double now) {
  status["live"] = live;
  for (auto& stage : status["stages"]) {
    const auto name = stage["name"].get<std::string>();
    const auto counts = count(ledger, config, name);
    stage["done"] = stage["total"] = nullptr;
    if (counts.total > 0) {
      stage["done"] = counts.done;
      stage["total"] = counts.total;
    }
    const auto row = ledger.stage(name);
    if (!row || row->state != store::StageState::kRunning) continue;
    const auto detail = nlohmann::json::parse(row->detail, nullptr, /*allow_exceptions=*/false);
    const double began = detail.is_object() ? detail.value(actors::kAttemptBegan, 0.0) : 0.0;
    if (began > 0)
      stage["spent_seconds"] =
          row->spent_seconds + std::max(0.0, (live ? now : ledger.last_activity()) - began);
    if (!live) stage["state"] = "stopped";
  }
}

}  // namespace charter::cli
