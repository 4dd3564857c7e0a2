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
  // Where a version lies: MODEL-LINEAGE-VERSION.safetensors in the place that the message says.
  // Every process makes the name for itself, from a message that defect() found nothing wrong with.
  [[nodiscard]] std::filesystem::path path(const WeightsReady& ready) const;
};

// Why no trainer of this lineage can have announced it; empty: one can. A model other than policy
// and pm, another lineage, a negative version, no bytes, a checksum that is none.
[[nodiscard]] std::string defect(const WeightsReady& ready, int64_t lineage);

// Writes the snapshot (complete or not at all, not synced: it does not outlive the run) into the
// first of the places that takes it, and returns the message that announces it. Throws
// std::runtime_error with the reasons of both when neither does.
[[nodiscard]] WeightsReady publish_snapshot(const model::Snapshot& snapshot,
                                            const SnapshotPlaces& places,
                                            const metrics::WeightPublishMetrics& metrics);

// The announced snapshot, verified: the file has the announced checksum, and holds the announced
// model, lineage and version. Nothing when a newer version has replaced its file, and nothing when
// it is damaged or another, which is counted: the version in use goes on serving. `must` (there is
// none in use): damage throws std::runtime_error naming the file and what differs.
[[nodiscard]] std::optional<model::Snapshot> take_snapshot(
    const WeightsReady& ready, const SnapshotPlaces& places, bool must,
    const metrics::WeightApplyMetrics& metrics);

}  // namespace charter::actors
