#include "model/train_state.hpp"

#include <ATen/ATen.h>

#include <stdexcept>

namespace charter::model {
namespace {

const std::string kParameter = "parameter.";

std::filesystem::path file_of(const std::filesystem::path& directory, const std::string& name) {
  return directory / (name + ".safetensors");
}

int64_t steps_of(const Snapshot& snapshot) {
  const auto found = snapshot.metadata.find("optimizer_steps");
  if (found == snapshot.metadata.end()) {
    throw std::runtime_error("metadata key optimizer_steps is missing");
  }
  return std::stoll(found->second);
}

}  // namespace

void save_training(const std::filesystem::path& directory, const std::string& name,
                   const AdamW& optimizer, int64_t version,
                   const std::map<std::string, std::string>& metadata) {
  std::filesystem::create_directories(directory);
  Snapshot file{.model = name,
                .lineage = 0,
                .version = version,
                .tensors = optimizer.state(),
                .metadata = metadata};
  for (const auto& [parameter, tensor] : optimizer.parameters()) {
    file.tensors[kParameter + parameter] = tensor.detach();
  }
  file.metadata["optimizer_steps"] = std::to_string(optimizer.steps());
  write_snapshot(file, file_of(directory, name), /*durable=*/true);
}

RestoredTraining restore_training(const std::filesystem::path& directory, const std::string& name,
                                  AdamW& optimizer) {
  const std::filesystem::path path = file_of(directory, name);
  Snapshot file = read_snapshot(path);
  try {
    for (const auto& [parameter, tensor] : optimizer.parameters()) {
      const auto found = file.tensors.find(kParameter + parameter);
      if (found == file.tensors.end()) {
        throw std::runtime_error("tensor " + parameter + " is missing");
      }
      if (found->second.sizes() != tensor.sizes()) {
        throw std::runtime_error("tensor " + parameter + " differs in shape from the model's");
      }
    }
    if (file.tensors.size() != 3 * optimizer.parameters().size()) {
      throw std::runtime_error("holds tensors that are not trained here");
    }
    optimizer.load_state(file.tensors, steps_of(file));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
  const at::NoGradGuard no_grad;
  for (const auto& [parameter, tensor] : optimizer.parameters()) {
    at::Tensor target = tensor;
    target.copy_(file.tensors.at(kParameter + parameter));
  }
  return {.version = file.version, .metadata = std::move(file.metadata)};
}

std::map<std::string, at::Tensor> copy_tensors(const NamedTensors& parameters) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, tensor] : parameters) result[name] = tensor.detach().clone();
  return result;
}

}  // namespace charter::model
