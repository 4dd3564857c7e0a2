#include <map>

#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"

namespace charter::cli {
namespace {

constexpr size_t kEventsRead = 10'000;
constexpr size_t kEventsShown = 8;

void add_quarantined(const store::Ledger& ledger, std::vector<std::string>& out) {
  std::map<std::string, std::string> reasons;  // phase -> the first
  int64_t total = 0;
  for (const auto& [phase, stage] : kPhases) total += ledger.count_by_state(phase).quarantined;
  if (total == 0) return;
  for_each_work(ledger, [&](const store::WorkRow& work) {
    if (work.state == store::WorkState::kQuarantined)
      reasons.try_emplace(work.item.stage, work.reason);
  });
  for (const auto& [phase, stage] : kPhases) {
    const auto counts = ledger.count_by_state(phase);
    if (counts.quarantined == 0) continue;
    out.push_back(std::string(phase) + ": " + std::to_string(counts.quarantined) + " of " +
                  std::to_string(counts.total()) +
                  " work items were given up and are missing from every number here; the first: " +
                  reasons[phase]);
  }
}

// Quarantines are counted above, so their events are not repeated.
void add_events(const store::Ledger& ledger, std::vector<std::string>& out) {
  std::vector<std::string> texts;
  for (const auto& event : ledger.events(kEventsRead)) {
    if (event.level == "info" || event.text.find(" quarantined: ") != std::string::npos) continue;
    texts.push_back(event.level + ": " + event.text);
  }
  const size_t hidden = texts.size() > kEventsShown ? texts.size() - kEventsShown : 0;
  if (hidden > 0) out.push_back(std::to_string(hidden) + " earlier warnings are in the ledger.");
  out.insert(out.end(), texts.begin() + static_cast<int64_t>(hidden), texts.end());
}

}  // namespace

std::vector<std::string> build_warnings(const store::Ledger& ledger) {
  std::vector<std::string> out;
  for (const auto& stage : ledger.stages()) {
    if (stage.state != store::StageState::kSkipped) continue;
    out.push_back("Stage " + stage.name + " was skipped" +
                  (stage.reason.empty() ? "." : ": " + stage.reason));
  }
  add_quarantined(ledger, out);
  add_events(ledger, out);
  return out;
}

}  // namespace charter::cli
