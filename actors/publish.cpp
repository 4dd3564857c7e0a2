#include "actors/publish.hpp"

namespace charter::actors {
namespace {

struct Written {
  std::filesystem::path path;
  std::string checksum;
};

Written write(const model::Snapshot& snapshot, const std::filesystem::path& directory) {
  const auto path = directory / (snapshot.model + "-" + std::to_string(snapshot.lineage) + "-" +
                                 std::to_string(snapshot.version) + ".safetensors");
  return {path, model::write_snapshot(snapshot, path, /*durable=*/false)};
}

// Memory fills up when others use it too.
Written write_where_room_is(const model::Snapshot& snapshot, const SnapshotPlaces& places) {
  std::string full;
  try {
    return write(snapshot, places.memory);
  } catch (const std::runtime_error& e) {
    if (places.memory == places.disk) throw;
    full = e.what();
  }
  try {
    return write(snapshot, places.disk);
  } catch (const std::runtime_error& e) {
    throw std::runtime_error(full + "; " + e.what());
  }
}

}  // namespace

WeightsReady publish_snapshot(const model::Snapshot& snapshot, const SnapshotPlaces& places,
                              const metrics::WeightPublishMetrics& metrics) {
  const auto start = std::chrono::steady_clock::now();
  const auto [path, checksum] = write_where_room_is(snapshot, places);
  metrics.seconds.Observe(seconds_since(start));
  return {.model = snapshot.model,
          .lineage = snapshot.lineage,
          .version = snapshot.version,
          .path = path.string(),
          .checksum = checksum,
          .bytes = static_cast<int64_t>(std::filesystem::file_size(path))};
}

std::optional<model::Snapshot> take_snapshot(const WeightsReady& ready, bool must,
                                             const metrics::WeightApplyMetrics& metrics) {
  if (!std::filesystem::exists(ready.path)) return std::nullopt;
  try {
    return model::read_snapshot(ready.path);
  } catch (const std::runtime_error&) {
    if (!std::filesystem::exists(ready.path)) return std::nullopt;  // replaced meanwhile
    metrics.checksum_failures.Increment();
    if (must) throw;
    return std::nullopt;
  }
}

}  // namespace charter::actors
