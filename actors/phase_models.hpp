// The models of one run, read from its weights directory and shared by the actors of one process.
// Base weights are mapped read-only, so that processes share their pages.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/model_identity.hpp"
#include "actors/phases.hpp"
#include "actors/policy_text.hpp"
#include "config/run_config.hpp"
#include "feedback/preference_model.hpp"
#include "model/lora.hpp"
#include "model/packed_model.hpp"
#include "model/snapshot.hpp"
#include "model/transformer.hpp"

namespace charter::actors {

struct LoadedModel {
  model::Transformer transformer;  // tensors are shared: never written
  std::shared_ptr<const PolicyText> text;
  std::string source, quantization;
  ModelIdentity identity;
};

// Packed weights, by the directory they were read from. An actor holds those its engine serves or
// will serve, so that a packing is freed with the last of them.
using PackedModels = std::map<std::string, std::shared_ptr<const model::PackedModel>>;

class PhaseModels {
 public:
  PhaseModels(std::filesystem::path weights, const config::RunConfig& config)
      : weights_(std::move(weights)), config_(config) {}

  // Reads a model, once a process. Called before the actors that use it start; after that all is
  // const, so that they may share this object. name: base, helpful, judge, pm_init, sl_cai, rl_cai.
  // Throws std::runtime_error when it is not there.
  void prepare(const std::string& name);
  // The same, and packs it unless `packed` has it.
  void prepare(const std::string& name, PackedModels& packed);

  // The same of what was trained of a preference model: weights/pmp.safetensors or pm.safetensors.
  void prepare_snapshot(const std::string& name);

  // What the three made; std::invalid_argument otherwise.
  [[nodiscard]] std::shared_ptr<const LoadedModel> load(const std::string& name) const;
  [[nodiscard]] std::shared_ptr<const model::PackedModel> packed(const std::string& name,
                                                                 const PackedModels& among) const;
  [[nodiscard]] std::shared_ptr<const model::Snapshot> snapshot(const std::string& name) const;
  // The preference model after pm_train: pm_init with the trained tensors and head of
  // weights/pm.safetensors.
  [[nodiscard]] feedback::PreferenceModel preference_model() const;

  [[nodiscard]] const std::filesystem::path& weights() const { return weights_; }
  [[nodiscard]] const config::RunConfig& config() const { return config_; }
  [[nodiscard]] model::LoraOptions lora() const;
  [[nodiscard]] bool lora_enabled() const { return config_.lora.enabled; }

 private:
  std::filesystem::path weights_;
  config::RunConfig config_;
  std::map<std::string, std::shared_ptr<const LoadedModel>> loaded_;
  std::map<std::string, std::shared_ptr<const model::Snapshot>> snapshots_;
};

// Directory under weights/ that `name` is read from: helpful, judge and pm_init are base unless the
// configuration says otherwise.
[[nodiscard]] std::string weights_name(const config::RunConfig& config, const std::string& name);

// What rollout actors of a phase generate with: the weights they start from and, in the evaluation,
// the snapshots there are.
[[nodiscard]] std::vector<std::string> rollout_models(const PhaseModels& models,
                                                      const Phase& phase);

// The snapshot under `weights` that a phase's preference model is trained from; "": pm_init with a
// new head.
[[nodiscard]] std::string pm_start(const std::filesystem::path& weights, const Phase& phase);

// Reads and packs what these roles need, before the first of them is spawned. Who has spawned them
// keeps no packing.
[[nodiscard]] PackedModels prepare_models(PhaseModels& models, const Phase& phase,
                                          const std::vector<std::string>& roles);

}  // namespace charter::actors
