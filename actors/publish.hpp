// Puts a snapshot where other processes of the host read it, and says so to the weight store; and
// how an actor takes one up.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>

#include "actors/messages.hpp"
#include "metrics/system_metrics.hpp"
#include "model/snapshot.hpp"

namespace charter::actors {

[[nodiscard]] inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Writes DIR/MODEL-LINEAGE-VERSION.safetensors (complete or not at all, not synced: it does not
// outlive the run) and returns the message that announces it.
[[nodiscard]] WeightsReady publish_snapshot(const model::Snapshot& snapshot,
                                            const std::filesystem::path& directory,
                                            const metrics::WeightPublishMetrics& metrics);

// The announced snapshot, verified. Nothing when a newer version has replaced its file, and nothing
// when it is damaged, which is counted: the version in use goes on serving. `must` (there is none
// in use): damage throws std::runtime_error naming file and tensor.
[[nodiscard]] std::optional<model::Snapshot> take_snapshot(
    const WeightsReady& ready, bool must, const metrics::WeightApplyMetrics& metrics);

}  // namespace charter::actors
