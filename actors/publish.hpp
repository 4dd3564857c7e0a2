// Puts a snapshot where other processes of the host read it, and says so to the weight store.
#pragma once
#include <filesystem>

#include "actors/messages.hpp"
#include "model/snapshot.hpp"

namespace charter::actors {

// Writes DIR/MODEL-LINEAGE-VERSION.safetensors (complete or not at all, not synced: it does not outlive the run) and returns
// the message that announces it.
[[nodiscard]] WeightsReady publish_snapshot(const model::Snapshot& snapshot, const std::filesystem::path& directory);

}  // namespace charter::actors
