// How the parts of the report read the ledger. Part of report_builder.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/ledger.hpp"

namespace charter::cli {

// Work and records are kept by phase, progress by stage.
struct PhaseName {
  const char* phase;
  const char* stage;
};
inline constexpr std::array kPhases{PhaseName{"sl_generate", "sl_generate"},
                                    PhaseName{"sl_train", "sl_train"},
                                    PhaseName{"label", "label"},
                                    PhaseName{"judge_check", "label"},
                                    PhaseName{"pmp", "pm_train"},
                                    PhaseName{"pm_train", "pm_train"},
                                    PhaseName{"pm_score", "pm_train"},
                                    PhaseName{"firewall", "firewall"},
                                    PhaseName{"rl", "rl"},
                                    PhaseName{"eval_generate", "eval"},
                                    PhaseName{"eval_judge", "eval"}};
inline constexpr std::array kStages{"sl_generate", "sl_train", "label", "pm_train",
                                    "firewall",    "rl",       "eval",  "report"};

// T from the JSON `text`. Throws std::runtime_error naming where it comes from.
template <class T>
T parse_body(const std::string& text, const std::string& phase, int64_t work_id) {
  try {
    return nlohmann::json::parse(text).get<T>();
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error("ledger, " + phase + ", work item " + std::to_string(work_id) + ": " +
                             error.what());
  }
}

// Calls row(T, RecordRow) for every record of that kind, in the order of work.
template <class T, class Row>
void for_each_body(const store::Ledger& ledger, const std::string& phase, const std::string& kind,
                   const Row& row) {
  ledger.for_each_record(phase, kind, [&](const store::RecordRow& r) {
    row(parse_body<T>(r.record.body, phase, r.record.work_id), r);
    return true;
  });
}

// Every work item of every phase: what is learned leaves no record, only its work item.
void for_each_work(const store::Ledger& ledger,
                   const std::function<void(const store::WorkRow&)>& row);

// What became of one version of a model.
struct VersionStats {
  int64_t version = 0;
  nlohmann::json stats;
  // NaN when the number is missing or null.
  [[nodiscard]] double number(const char* key) const;
};

// The surviving history of a model by rising version: where a restore trained a version again, the
// newest lineage's.
[[nodiscard]] std::vector<VersionStats> surviving_versions(const store::Ledger& ledger,
                                                           const std::string& model);

// The PM's newest version: of the online PM where there is one.
[[nodiscard]] std::optional<int64_t> newest_pm_version(const store::Ledger& ledger);

// File or directory name of a model without its place: "SmolLM2.gguf". "" stays "".
[[nodiscard]] std::string model_name(const std::string& path);

// "likelihood contrast, SmolLM2.gguf" of a method and a judge's id "judge:SmolLM2.gguf".
[[nodiscard]] std::string judge_name(std::string method, const std::string& judge_id);

}  // namespace charter::cli
