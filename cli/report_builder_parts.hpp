// The parts of the report, one source file each. Part of report_builder.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "report/report_data.hpp"
#include "store/ledger.hpp"

namespace charter::cli {

// report_builder_charts.cpp
[[nodiscard]] std::vector<report::Chart> build_charts(const store::Ledger& ledger);

// report_builder_samples.cpp. Held-out prompts that the evaluation answered with each snapshot,
// then chains of critique and revision.
[[nodiscard]] std::vector<report::SampleAnswer> build_samples(const store::Ledger& ledger);

// report_builder_judges.cpp
[[nodiscard]] std::vector<report::JudgeRow> build_judges(const store::Ledger& ledger);
[[nodiscard]] std::vector<report::PmRow> build_preference_models(const store::Ledger& ledger);

// report_builder_evaluation.cpp
struct Evaluation {
  std::string judge;
  std::vector<report::EvaluationRow> rows;
};
[[nodiscard]] Evaluation build_evaluation(const store::Ledger& ledger,
                                          const config::RunConfig& config);

// report_builder_pairs.cpp: every pair of snapshots with answers to a common prompt, in the order
// of training. Reads the answers again: what was not judged left no record of its own.
[[nodiscard]] std::vector<report::EvaluationPair> build_evaluation_pairs(
    const store::Ledger& ledger);

// report_builder_firewall.cpp: AUROC of the middle recorded layer; what else is worth saying goes
// into the notes.
[[nodiscard]] std::optional<double> build_firewall(const store::Ledger& ledger,
                                                   std::vector<std::string>& notes);

// report_builder_provenance.cpp
[[nodiscard]] std::vector<report::Substitution> build_substitutions(
    const config::RunConfig& config);
[[nodiscard]] std::vector<report::LabelSource> build_label_sources(const store::Ledger& ledger,
                                                                   std::vector<std::string>& notes);
// "Q4_1" of "SmolLM2.Q4_1.gguf"; "none" for a directory's name.
[[nodiscard]] std::string quantization_of(const std::string& model);

// report_builder_notes.cpp: exceeded limits, skipped stages, quarantined work, warnings among the
// events, restores.
[[nodiscard]] std::vector<std::string> build_warnings(const store::Ledger& ledger);

}  // namespace charter::cli
