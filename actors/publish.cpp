#include "actors/publish.hpp"

namespace charter::actors {

WeightsReady publish_snapshot(const model::Snapshot& snapshot, const std::filesystem::path& directory) {
  const auto path = directory / (snapshot.model + "-" + std::to_string(snapshot.lineage) + "-" +
                                 std::to_string(snapshot.version) + ".safetensors");
  const auto checksum = model::write_snapshot(snapshot, path, /*durable=*/false);
  return {.model = snapshot.model, .lineage = snapshot.lineage, .version = snapshot.version, .path = path.string(),
          .checksum = checksum, .bytes = static_cast<int64_t>(std::filesystem::file_size(path))};
}

}  // namespace charter::actors
