#include "cli/report_builder_records.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

namespace charter::cli {

void for_each_work(const store::Ledger& ledger,
                   const std::function<void(const store::WorkRow&)>& row) {
  int64_t left = 0;
  for (const auto& [phase, stage] : kPhases) left += ledger.count_by_state(phase).total();
  // A resume that offers existing work again uses up ids, so there are gaps, of about as many ids
  // as there is work for each resume.
  const int64_t longest_gap = std::max<int64_t>(10'000, 4 * left);
  int64_t missing = 0;
  for (int64_t id = 1; left > 0 && missing < longest_gap; ++id) {
    const auto found = ledger.find(id);
    if (!found) {
      ++missing;
      continue;
    }
    missing = 0;
    const auto& stage = found->item.stage;
    const bool known = std::any_of(kPhases.begin(), kPhases.end(),
                                   [&](const PhaseName& p) { return stage == p.phase; });
    if (!known) continue;
    row(*found);
    --left;
  }
}

double VersionStats::number(const char* key) const {
  const auto at = stats.find(key);
  if (at == stats.end() || !at->is_number()) return std::numeric_limits<double>::quiet_NaN();
  return at->get<double>();
}

std::vector<VersionStats> surviving_versions(const store::Ledger& ledger,
                                             const std::string& model) {
  std::vector<VersionStats> out;
  for (const auto& row : ledger.surviving_versions(model))
    out.push_back(
        {row.version, parse_body<nlohmann::json>(row.stats, "version of " + model, row.version)});
  return out;
}

std::optional<int64_t> newest_pm_version(const store::Ledger& ledger) {
  for (const char* model : {"pm_online", "pm"}) {
    const auto versions = surviving_versions(ledger, model);
    if (!versions.empty()) return versions.back().version;
  }
  return std::nullopt;
}

std::string model_name(const std::string& path) {
  auto place = std::filesystem::path(path);
  if (!place.has_filename()) place = place.parent_path();  // "models/x/"
  return place.filename().string();
}

std::string judge_name(std::string method, const std::string& judge_id) {
  std::replace(method.begin(), method.end(), '_', ' ');
  const std::string prefix = "judge:";
  const auto model =
      model_name(judge_id.starts_with(prefix) ? judge_id.substr(prefix.size()) : judge_id);
  return model.empty() ? method : method + ", " + model;
}

}  // namespace charter::cli
