// What every trainer of the project keeps between steps, and how it is saved: parameters, optimizer
// moments and step, version, named numbers. One file, read back bit for bit.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "model/optimizer.hpp"
#include "model/snapshot.hpp"

namespace charter::model {

// Writes directory/NAME.safetensors atomically and synced; makes the directory when there is none.
void save_training(const std::filesystem::path& directory, const std::string& name,
                   const AdamW& optimizer, int64_t version,
                   const std::map<std::string, std::string>& metadata = {});

struct RestoredTraining {
  int64_t version = 0;
  std::map<std::string, std::string> metadata;
};

// Copies the file's values into the optimizer's parameters and moments, in place. Throws
// std::runtime_error naming file and tensor when one is missing, misshapen or corrupt; nothing is
// changed then.
RestoredTraining restore_training(const std::filesystem::path& directory, const std::string& name,
                                  AdamW& optimizer);

// Copies of parameters (without a graph), as a snapshot carries them.
[[nodiscard]] std::map<std::string, at::Tensor> copy_tensors(const NamedTensors& parameters);

}  // namespace charter::model
