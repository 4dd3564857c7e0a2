#include <cmath>
#include <set>

#include "actors/used_prompts.hpp"
#include "actors/work.hpp"
#include "cli/limit_history.hpp"
#include "cli/report_builder_parts.hpp"
#include "cli/report_builder_records.hpp"
#include "cli/run_inputs.hpp"
#include "store/given_up.hpp"

namespace charter::cli {
namespace {

constexpr size_t kEventsRead = 10'000;
constexpr size_t kEventsShown = 8;

void add_quarantined(const store::Ledger& ledger, std::vector<std::string>& out) {
  for (const auto& [phase, stage] : kPhases) {
    const auto lost = store::given_up(ledger, phase);
    if (lost.count == 0) continue;
    out.push_back(std::string(phase) + ": " + text(lost) +
                  ". They are missing from every number here.");
  }
}

// A data file's rows that were skipped, its change that was taken, or rows left out for that.
bool is_of_data(const std::string& text) {
  return text.starts_with("data.") &&
         (text.find(" skipped: ") != std::string::npos || text.ends_with(kAccepted) ||
          text.ends_with(actors::kLeftOut));
}

void add_data_lines(const store::Ledger& ledger, std::vector<std::string>& out) {
  std::set<std::string> seen;  // each start says it again
  for (const auto& event : ledger.events(kEventsRead))
    if (is_of_data(event.text) && seen.insert(event.text).second) out.push_back(event.text);
}

// Conversations of training and scoring that were longer than their stage reads.
void add_cut(const store::Ledger& ledger, std::vector<std::string>& out) {
  const auto say = [&out](const std::string& what, double cut, double all, const char* key) {
    if (!(cut > 0)) return;
    out.push_back(what + ": " + std::to_string(static_cast<int64_t>(cut)) + " of " +
                  std::to_string(static_cast<int64_t>(all)) + " conversations were longer than " +
                  key + " and lost their beginning.");
  };
  struct Trained {
    const char *model, *what, *count, *key;
    double conversations;  // in one of what `count` counts
  };
  constexpr Trained kTrained[] = {
      {"sl", "sl_train", "examples", "sl_train.max_tokens", 1},
      {"pmp", "PM pre-training", "pairs", "pm_train.max_tokens", 2},
      {"pm", "PM training", "pairs", "pm_train.max_tokens", 2},
      {"pm_online", "online PM training", "pairs", "pm_train.max_tokens", 2}};
  for (const auto& trained : kTrained) {
    double cut = 0, all = 0;
    for (const auto& version : surviving_versions(ledger, trained.model)) {
      const double n = version.number("cut");
      if (std::isnan(n)) continue;
      cut += n;
      all += trained.conversations * version.number(trained.count);
    }
    say(trained.what, cut, all, trained.key);
  }
  double cut = 0, all = 0;
  for_each_body<actors::ScoreRecord>(ledger, "pm_score", "score",
                                     [&](const actors::ScoreRecord& r, const auto&) {
                                       cut += static_cast<double>(r.cut);
                                       all += 2;
                                     });
  say("PM accuracy", cut, all, "pm_train.max_tokens");
}

// Quarantines are counted and limits told above, so their events are not repeated.
void add_events(const store::Ledger& ledger, std::vector<std::string>& out) {
  std::vector<std::string> texts;
  std::set<std::string> seen;  // each start says its warnings again
  for (const auto& event : ledger.events(kEventsRead)) {
    if (event.level == "info" || is_of_data(event.text) ||
        event.text.find(" quarantined: ") != std::string::npos ||
        event.text.find(" work items were given up") != std::string::npos ||
        event.text.starts_with("limit "))
      continue;
    if (seen.insert(event.text).second) texts.push_back(event.level + ": " + event.text);
  }
  const size_t hidden = texts.size() > kEventsShown ? texts.size() - kEventsShown : 0;
  if (hidden > 0) out.push_back(std::to_string(hidden) + " earlier warnings are in the ledger.");
  out.insert(out.end(), texts.begin() + static_cast<int64_t>(hidden), texts.end());
}

}  // namespace

std::vector<std::string> build_warnings(const store::Ledger& ledger) {
  std::vector<std::string> out = limit_notes(ledger);
  for (const auto& stage : ledger.stages()) {
    const bool skipped = stage.state == store::StageState::kSkipped;
    if (!skipped && stage.reason.empty()) continue;
    out.push_back("Stage " + stage.name + (skipped ? " was skipped" : " is done") +
                  (stage.reason.empty() ? "." : ": " + stage.reason));
  }
  add_data_lines(ledger, out);
  add_quarantined(ledger, out);
  add_cut(ledger, out);
  add_events(ledger, out);
  return out;
}

}  // namespace charter::cli
