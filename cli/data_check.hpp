// Looks through the data files of a run before anything is written, so that a damaged one ends the
// command at once and not in the stage that first reads it.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "actors/data_supply.hpp"
#include "config/run_config.hpp"
#include "feedback/constitution.hpp"
#include "feedback/datasets.hpp"
#include "feedback/fewshot.hpp"

namespace charter::cli {

// What the data files of a run hold.
struct RunData {
  feedback::Constitution constitution;
  std::vector<feedback::CritiqueExample> critique_examples;
  std::vector<feedback::PromptRow> red_team, helpful;
  std::vector<feedback::ComparisonRow> helpfulness;
  actors::DataCounts counts;
  // One a data.* key that names a file: "data.red_team: FILE: 1060 rows, 95 of them held out; 12
  // skipped: 12 repeated (lines ...)".
  std::vector<std::string> lines;
};

// Keys left empty name the project's own files under `authored`, which are read too and get no
// line. Throws std::runtime_error "data.KEY: FILE:LINE: what was expected".
[[nodiscard]] RunData read_data(const config::RunConfig& config,
                                const std::filesystem::path& authored);

}  // namespace charter::cli
