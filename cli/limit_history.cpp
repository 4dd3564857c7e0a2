#include "cli/limit_history.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/report_builder_records.hpp"
#include "metrics/quantities.hpp"

namespace charter::cli {
namespace {

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::vector<metrics::LimitState> limit_history(const store::Ledger& ledger) {
  metrics::LimitWatch watch;
  for (const auto& version : surviving_versions(ledger, "policy"))
    (void)watch.look(version.version, [&](std::string_view stat) {
      return version.number(std::string(stat).c_str());
    });
  return {watch.states().begin(), watch.states().end()};
}

std::vector<std::string> limit_notes(const store::Ledger& ledger) {
  std::vector<std::string> notes;
  for (const auto& state : limit_history(ledger)) {
    if (!state.ever) continue;
    const auto& limit = *state.limit;
    std::string note = "Limit " + std::string(limit.id) +
                       " was exceeded: " + std::string(limit.name) + " was " +
                       value_text(limit, state.worst) + " at policy version " +
                       std::to_string(state.worst_version) + ", " + bounds_text(limit) + ": " +
                       std::string(limit.means) + ". ";
    note += state.exceeded
                ? "It was so from version " + std::to_string(state.since) + " to the last. " +
                      std::string(limit.action)
                : "It was within its limit again from version " + std::to_string(state.since) + ".";
    notes.push_back(std::move(note));
  }
  return notes;
}

std::string limits_exceeded(const store::Ledger& ledger) {
  std::string text;
  for (const auto& state : limit_history(ledger))
    if (state.exceeded)
      text += (text.empty() ? "" : ", ") + std::string(state.limit->id) + " since version " +
              std::to_string(state.since);
  return text;
}

nlohmann::ordered_json limits_json(const store::Ledger& ledger) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& state : limit_history(ledger)) {
    const auto& limit = *state.limit;
    const bool measured = !std::isnan(state.value);
    nlohmann::ordered_json row{{"limit", limit.id},
                               {"state", !measured        ? "not measured"
                                         : state.exceeded ? "exceeded"
                                                          : "within"},
                               {"value", number(state.value)},
                               {"unit", metrics::text(metrics::unit_of_metric(limit.metric))},
                               {"since_version", nullptr},
                               {"worst", nullptr},
                               {"worst_version", nullptr},
                               {"bounds", bounds_text(limit)}};
    if (state.ever) {
      row["since_version"] = state.since;
      row["worst"] = number(state.worst);
      row["worst_version"] = state.worst_version;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace charter::cli
