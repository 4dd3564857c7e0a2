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

// Directories that snapshots are published in: in memory while that has room, else on disk. Where
// memory has none from the start, both are the one on disk.
struct SnapshotPlaces {
  std::filesystem::path memory, disk;
  // Whether the file lies on disk although there is a place in memory.
  [[nodiscard]] bool spilled(const std::filesystem::path& file) const {
    return memory != disk && file.parent_path() == disk;
  }
};

// Writes MODEL-LINEAGE-VERSION.safetensors (complete or not at all, not synced: it does not outlive
// the run) into the first of the places that takes it, and returns the message that announces it.
// Throws std::runtime_error with the reasons of both when neither does.
[[nodiscard]] WeightsReady publish_snapshot(const model::Snapshot& snapshot,
                                            const SnapshotPlaces& places,
                                            const metrics::WeightPublishMetrics& metrics);

// The announced snapshot, verified. Nothing when a newer version has replaced its file, and nothing
// when it is damaged, which is counted: the version in use goes on serving. `must` (there is none
// in use): damage throws std::runtime_error naming file and tensor.
[[nodiscard]] std::optional<model::Snapshot> take_snapshot(
    const WeightsReady& ready, bool must, const metrics::WeightApplyMetrics& metrics);

}  // namespace charter::actors
