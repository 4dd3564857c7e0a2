#include "actors/publish.hpp"

#include <algorithm>
#include <stdexcept>

namespace charter::actors {
namespace {

// Memory fills up when others use it too. Sets what only the writer knows of the message.
void write_where_room_is(const model::Snapshot& snapshot, const SnapshotPlaces& places,
                         WeightsReady& ready) {
  const auto write = [&](bool spilled) {
    ready.spilled = spilled;
    ready.checksum = model::write_snapshot(snapshot, places.path(ready), /*durable=*/false);
  };
  std::string full;
  try {
    return write(false);
  } catch (const std::runtime_error& e) {
    if (places.memory == places.disk) throw;
    full = e.what();
  }
  try {
    return write(true);
  } catch (const std::runtime_error& e) {
    throw std::runtime_error(full + "; " + e.what());
  }
}

model::Snapshot read_announced(const WeightsReady& ready, const std::filesystem::path& path) {
  auto snapshot = model::read_snapshot(path, ready.checksum);
  if (snapshot.model != ready.model || snapshot.lineage != ready.lineage ||
      snapshot.version != ready.version)
    throw std::runtime_error(path.string() + ": holds " + snapshot.model + " " +
                             std::to_string(snapshot.lineage) + "-" +
                             std::to_string(snapshot.version) + ", expected what its name says");
  return snapshot;
}

}  // namespace

std::filesystem::path SnapshotPlaces::path(const WeightsReady& ready) const {
  return (ready.spilled ? disk : memory) / (ready.model + "-" + std::to_string(ready.lineage) +
                                            "-" + std::to_string(ready.version) + ".safetensors");
}

std::string defect(const WeightsReady& ready, int64_t lineage) {
  const auto hexadecimal = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (ready.model != "policy" && ready.model != "pm") return "model: expected policy or pm";
  if (ready.lineage != lineage)
    return "lineage: " + std::to_string(ready.lineage) + ", expected " + std::to_string(lineage);
  if (ready.version < 0)
    return "version: " + std::to_string(ready.version) + ", expected 0 or more";
  if (ready.bytes <= 0) return "bytes: " + std::to_string(ready.bytes) + ", expected 1 or more";
  if (ready.checksum.size() != 16 || !std::ranges::all_of(ready.checksum, hexadecimal))
    return "checksum: expected 16 hexadecimal digits";
  return {};
}

WeightsReady publish_snapshot(const model::Snapshot& snapshot, const SnapshotPlaces& places,
                              const metrics::WeightPublishMetrics& metrics) {
  const auto start = std::chrono::steady_clock::now();
  WeightsReady ready{
      .model = snapshot.model, .lineage = snapshot.lineage, .version = snapshot.version};
  write_where_room_is(snapshot, places, ready);
  ready.bytes = static_cast<int64_t>(std::filesystem::file_size(places.path(ready)));
  metrics.seconds.Observe(seconds_since(start));
  return ready;
}

std::optional<model::Snapshot> take_snapshot(const WeightsReady& ready,
                                             const SnapshotPlaces& places, bool must,
                                             const metrics::WeightApplyMetrics& metrics) {
  const auto path = places.path(ready);
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    return read_announced(ready, path);
  } catch (const std::runtime_error&) {
    if (!std::filesystem::exists(path)) return std::nullopt;  // replaced meanwhile
    metrics.checksum_failures.Increment();
    if (must) throw;
    return std::nullopt;
  }
}

}  // namespace charter::actors
