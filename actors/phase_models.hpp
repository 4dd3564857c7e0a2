// The models of one run, read from its weights directory and shared by the actors of one process.
// Base weights are mapped read-only, so that processes share their pages.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "actors/policy_text.hpp"
#include "config/run_config.hpp"
#include "feedback/preference_model.hpp"
#include "model/lora.hpp"
#include "model/packed_model.hpp"
#include "model/transformer.hpp"

namespace charter::actors {

struct LoadedModel {
  model::Transformer transformer;  // tensors are shared: never written
  std::shared_ptr<const PolicyText> text;
  std::string source, quantization;
};

class PhaseModels {
 public:
  PhaseModels(std::filesystem::path weights, const config::RunConfig& config)
      : weights_(std::move(weights)), config_(config) {}

  // Reads a model, and packs it, once a process. Called before the actors that use it start; after
  // that all is const, so that they may share this object. name: base, helpful, judge, pm_init,
  // sl_cai, rl_cai. Throws std::runtime_error when it is not there.
  void prepare(const std::string& name, bool packed);

  // What prepare() made; std::invalid_argument otherwise.
  [[nodiscard]] std::shared_ptr<const LoadedModel> load(const std::string& name) const;
  [[nodiscard]] std::shared_ptr<const model::PackedModel> packed(const std::string& name) const;
  // Memory of each packing, by the directory it was read from.
  [[nodiscard]] std::map<std::string, int64_t> packed_bytes() const;
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
  std::map<std::string, std::shared_ptr<const model::PackedModel>> packed_;
};

// Directory under weights/ that `name` is read from: helpful, judge and pm_init are base unless the
// configuration says otherwise.
[[nodiscard]] std::string weights_name(const config::RunConfig& config, const std::string& name);

}  // namespace charter::actors
