// What the stages want of the data files and what is in them: one row each. `charter config check`
// and `charter run` say the shortages before the first stage; a stage without any work takes its
// reason from the same rows.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "feedback/datasets.hpp"

namespace charter::actors {

struct SplitCounts {
  int64_t train = 0, held_out = 0;
  [[nodiscard]] int64_t total() const { return train + held_out; }
};

// Rows of the data files, and the pairs that pre-training may draw of them.
struct DataCounts {
  SplitCounts red_team, helpful, pmp, helpfulness, harmlessness_eval;
  int64_t pmp_pairs = 0;
};

template <class Row>
[[nodiscard]] SplitCounts count_splits(const std::vector<Row>& rows) {
  const auto held_out = std::count_if(rows.begin(), rows.end(), [](const Row& row) {
    return row.split == feedback::Split::kHeldOut;
  });
  return {.train = static_cast<int64_t>(rows.size()) - held_out, .held_out = held_out};
}
// Pairs of the questions that are not held out, as the pmp phase draws them.
[[nodiscard]] int64_t count_pmp_pairs(const std::vector<feedback::PmpQuestion>& rows,
                                      uint64_t seed);

struct Supply {
  std::string stage;
  std::string key;      // that asks: "eval.prompts"
  std::string source;   // that gives: "data.red_team"
  std::string what;     // "held-out prompts"
  int64_t wanted = 0;   // of them, at least 1
  int64_t there = 0;    // of them
  SplitCounts rows;     // of the source
  std::string without;  // what the run lacks when there is none
};

// A row for each thing the configuration wants.
[[nodiscard]] std::vector<Supply> data_supply(const config::RunConfig& config,
                                              const DataCounts& counts);

// "" where there is enough; else "eval.prompts: wants 12 held-out prompts of data.red_team, which
// has 3 (33 rows, 3 of them held out)".
[[nodiscard]] std::string shortage(const Supply& supply);

// Pairs the preference model can be trained on: of data.helpfulness and those that the judge will
// label.
[[nodiscard]] int64_t pm_pairs(const config::RunConfig& config, const DataCounts& counts);

// Throws std::runtime_error, one line, when a stage that others build on can have nothing to train
// on: no prompt, or no pair for the preference model.
void require_training_data(const config::RunConfig& config, const DataCounts& counts);

// Why a stage has no work: its shortages; "" when nothing of the data says so.
[[nodiscard]] std::string why_no_work(const config::RunConfig& config, const DataCounts& counts,
                                      const std::string& stage);

}  // namespace charter::actors
