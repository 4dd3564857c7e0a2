// What a run keeps under weights/ and in its checkpoints, held against what its ledger knows. The
// ledger is never behind either of them: where it is, it has lost something, and going on would
// train again on old weights.
#pragma once
#include <string>

#include "actors/phases.hpp"
#include "actors/role_spawner.hpp"
#include "store/checkpoint.hpp"
#include "store/ledger.hpp"

namespace charter::actors {

// The phase has work, and its result is not there: it was stopped in between, or somebody took it.
[[nodiscard]] bool result_missing(const store::Ledger& ledger, const RunPaths& paths,
                                  const Phase& phase);

// Notes the checksum of weights/NAME in the ledger. Nothing for "" and for what is not there.
void remember_kept(store::Ledger& ledger, const RunPaths& paths, const std::string& name);

// The same of all that a phase that has ended leaves there.
void remember_results(store::Ledger& ledger, const RunPaths& paths, const Phase& phase);

// Whether the ledger has a checksum of weights/NAME.
[[nodiscard]] bool knows_kept(const store::Ledger& ledger, const std::string& name);

// Throws std::runtime_error, one line that says what to do, when something under weights/ is
// another than the ledger knows, or a checkpoint is one that the ledger has no version of.
void check_kept(const store::Ledger& ledger, const RunPaths& paths);

// The part of check_kept for one model's checkpoints.
void require_known(const store::CheckpointStore& checkpoints, const store::Ledger& ledger,
                   const std::string& model);

// Throws std::runtime_error when there is no checkpoint that the phase's missing result could be
// made of.
void require_checkpoint(const RunPaths& paths, const Phase& phase);

}  // namespace charter::actors
