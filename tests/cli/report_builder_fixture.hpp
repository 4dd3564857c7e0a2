// A ledger filled by hand, and the report of it.
#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "actors/work.hpp"
#include "cli/report_builder.hpp"
#include "tests/store/temp_dir.hpp"

namespace charter::cli {

using actors::ComparisonWork;
using actors::PreferenceRecord;
using nlohmann::json;

class ReportBuilder : public ::testing::Test {
 protected:
  ReportBuilder() : ledger_(store::Ledger::open(dir_.path() / "ledger.sqlite", "run")) {
    config_.run.name = "by hand";
    config_.models.base = "/models/SmolLM2.Q4_1.gguf";
    config_.eval.bootstrap = 50;
  }

  // One work item; its id. Ids rise from 1 in an empty ledger.
  int64_t work(const std::string& phase, const std::string& kind, const json& payload) {
    const store::WorkItem item{phase, kind, std::to_string(++items_), 0, payload.dump()};
    (void)ledger_.add_work({&item, 1});
    return items_;
  }
  void record(const std::string& phase, const std::string& kind, const json& body,
              const json& payload = json::object()) {
    (void)ledger_.record(
        {.work_id = work(phase, kind, payload), .kind = kind, .body = body.dump()});
  }
  void judged(const std::string& phase, const std::string& kind, const PreferenceRecord& r) {
    record(phase, kind, json(r));
  }
  void version(const std::string& model, int64_t lineage, int64_t version, const json& stats) {
    ledger_.add_version({.model = model,
                         .lineage = lineage,
                         .version = version,
                         .path = "",
                         .stats = stats.dump()});
  }
  report::ReportData build() { return build_report(ledger_, config_, dir_.path()); }

  store::TempDir dir_;
  store::Ledger ledger_;
  config::RunConfig config_;
  int64_t items_ = 0;
};

}  // namespace charter::cli
