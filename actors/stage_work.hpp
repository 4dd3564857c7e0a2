// What each phase has to do, as work in the ledger: made from the data files and from the records
// of earlier phases, always the same for the same run, so that adding it again changes nothing.
#pragma once
#include <string>
#include <vector>

#include "actors/data_supply.hpp"
#include "actors/role_spawner.hpp"
#include "store/ledger.hpp"

namespace charter::actors {

// Work of `phase`. notes: what of a changed data file was left out, in one line each. Throws what
// loading its data files throws: one line naming file, line and what was expected.
[[nodiscard]] std::vector<store::WorkItem> stage_work(const NodeContext& context,
                                                      const store::Ledger& ledger,
                                                      const Phase& phase,
                                                      std::vector<std::string>* notes = nullptr);

// Rows of the run's data files. Throws as stage_work.
[[nodiscard]] DataCounts read_counts(const NodeContext& context);

}  // namespace charter::actors
