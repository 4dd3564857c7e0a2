#include "actors/phase_models.hpp"

#include <stdexcept>

#include "actors/kept_model.hpp"
#include "model/device.hpp"

namespace charter::actors {
namespace {

// Where a model of this name is read from; each of the paper's parts is base unless the
// configuration names another model.
const std::string& configured(const config::RunConfig& config, const std::string& name) {
  if (name == "helpful") return config.models.helpful;
  if (name == "judge") return config.models.judge;
  if (name == "pm_init") return config.models.pm_init;
  return config.models.base;
}

}  // namespace

std::string weights_name(const config::RunConfig& config, const std::string& name) {
  const bool part = name == "helpful" || name == "judge" || name == "pm_init";
  const auto& path = configured(config, name);
  return part && (path.empty() || path == config.models.base) ? "base" : name;
}

namespace {

std::shared_ptr<const LoadedModel> read(const std::filesystem::path& path,
                                        const config::RunConfig& config) {
  if (!std::filesystem::exists(path))
    throw std::runtime_error(path.string() +
                             ": no such model; the stage that makes it has not run");
  const auto files = load_kept_model(path);
  auto loaded = std::make_shared<LoadedModel>();
  loaded->transformer = model::on_device(model::make_transformer(files),
                                         model::require_device(config.machine.device));
  auto tokenizer = std::make_shared<const model::Tokenizer>(files.tokenizer);
  auto chat = policy_template(config.models.policy_format, files.chat_template, *tokenizer);
  loaded->text = std::make_shared<const PolicyText>(std::move(tokenizer), std::move(chat));
  loaded->source = path.filename().string();
  loaded->quantization = files.quantization;
  loaded->identity = identity_of(path, files.tokenizer);
  return loaded;
}

template <class Map>
auto find(const Map& map, const std::string& name, const char* what) {
  const auto it = map.find(name);
  if (it == map.end())
    throw std::invalid_argument(std::string(what) + ": " + name +
                                ", expected a model that was prepared");
  return it->second;
}

}  // namespace

void PhaseModels::prepare(const std::string& name) {
  const auto directory = weights_name(config_, name);
  auto& loaded = loaded_[directory];
  if (!loaded) loaded = read(weights_ / directory, config_);
}

void PhaseModels::prepare(const std::string& name, PackedModels& packed) {
  prepare(name);
  const auto directory = weights_name(config_, name);
  if (packed.contains(directory)) return;
  packed[directory] = model::PackedModel::make(
      loaded_[directory]->transformer, model::precision_from_name(config_.rollout.precision));
}

std::shared_ptr<const LoadedModel> PhaseModels::load(const std::string& name) const {
  return find(loaded_, weights_name(config_, name), "model");
}

std::shared_ptr<const model::PackedModel> PhaseModels::packed(const std::string& name,
                                                              const PackedModels& among) const {
  return find(among, weights_name(config_, name), "packed model");
}

void PhaseModels::prepare_snapshot(const std::string& name) {
  auto& read = snapshots_[name];
  if (!read) read = std::make_shared<const model::Snapshot>(read_kept_snapshot(weights_ / name));
}

std::shared_ptr<const model::Snapshot> PhaseModels::snapshot(const std::string& name) const {
  return find(snapshots_, name, "snapshot");
}

feedback::PreferenceModel PhaseModels::preference_model() const {
  return feedback::with_snapshot(load("pm_init")->transformer, *snapshot("pm.safetensors"));
}

model::LoraOptions PhaseModels::lora() const {
  model::LoraOptions options{.rank = config_.lora.rank, .alpha = config_.lora.alpha};
  if (config_.lora.targets == "attention")
    options.targets = {"q_proj", "k_proj", "v_proj", "o_proj"};
  else if (config_.lora.targets == "mlp")
    options.targets = {"gate_proj", "up_proj", "down_proj"};
  return options;
}

std::vector<std::string> rollout_models(const PhaseModels& models, const Phase& phase) {
  std::vector<std::string> result{phase.rollout_weights};
  if (phase.stage != "eval") return result;
  for (const char* snapshot : {"sl_cai", "rl_cai"})
    if (std::filesystem::exists(models.weights() / snapshot)) result.emplace_back(snapshot);
  return result;
}

std::string pm_start(const std::filesystem::path& weights, const Phase& phase) {
  if (phase.name == "rl") return "pm.safetensors";
  if (phase.name == "pm_train" && std::filesystem::exists(weights / "pmp.safetensors"))
    return "pmp.safetensors";
  return {};
}

PackedModels prepare_models(PhaseModels& models, const Phase& phase,
                            const std::vector<std::string>& roles) {
  PackedModels packed;
  for (const auto& role : roles) {
    if (role.starts_with("rollout/")) {
      for (const auto& name : rollout_models(models, phase)) models.prepare(name, packed);
    } else if (role.starts_with("feedback/")) {
      models.prepare("judge", packed);
    } else if (role.starts_with("reward/")) {
      models.prepare(phase.reference_weights);
      if (phase.name == "firewall") continue;
      models.prepare("pm_init");
      models.prepare_snapshot("pm.safetensors");
    } else if (role.starts_with("pm_trainer/")) {
      models.prepare("pm_init");
      if (const auto start = pm_start(models.weights(), phase); !start.empty())
        models.prepare_snapshot(start);
    } else if (role.starts_with("ppo_learner/")) {
      models.prepare(phase.name == "rl" ? "sl_cai" : "base");
    }
  }
  return packed;
}

}  // namespace charter::actors
