#include "actors/phases.hpp"

#include <algorithm>
#include <stdexcept>

#include "config/machine.hpp"

namespace charter::actors {
namespace {

Phase rl_phase(const config::RunConfig& config) {
  const bool online = config.rl.online_pm;
  Phase phase{.name = "rl", .stage = "rl"};
  phase.rollout_kinds = {"rollout"};
  if (online) phase.rollout_kinds.emplace_back("pair");
  phase.reward_serves_trajectories = true;
  phase.reward_kinds = {"score"};
  phase.learner = phase.replay = true;
  phase.feedback_serves_pairs = phase.pm_trainer = online;
  if (online) phase.pm_kinds = {"preference"};
  phase.required = {"rollout"};
  phase.settled_by_training = {"rollout", "preference"};
  phase.rollout_weights = phase.reference_weights = "sl_cai";
  phase.trained_model = "policy";
  phase.progress = "trajectories";
  phase.result = "rl_cai";
  return phase;
}

}  // namespace

std::vector<Phase> phases(const config::RunConfig& config) {
  return {
      {.name = "sl_generate",
       .stage = "sl_generate",
       .rollout_kinds = {"sl_chain", "helpful_sample"},
       .required = {"sl_chain", "helpful_sample"},
       .rollout_weights = "helpful",
       .progress = "prompts"},
      {.name = "sl_train",
       .stage = "sl_train",
       .learner = true,
       .required = {"sft"},
       .settled_by_training = {"sft"},
       .trained_model = "sl",
       .progress = "conversations",
       .result = "sl_cai"},
      {.name = "label",
       .stage = "label",
       .rollout_kinds = {"pair"},
       .feedback_serves_pairs = true,
       .required = {"pair"},
       .rollout_weights = "sl_cai",
       .progress = "pairs"},
      {.name = "judge_check",
       .stage = "label",
       .feedback_kinds = {"judge"},
       .required = {"judge"},
       .progress = "labels",
       .optional = true},
      {.name = "pmp",
       .stage = "pm_train",
       .pm_kinds = {"pmp"},
       .pm_trainer = true,
       .required = {"pmp"},
       .settled_by_training = {"pmp"},
       .trained_model = "pmp",
       .progress = "pairs",
       .result = "pmp.safetensors",
       .optional = true},
      {.name = "pm_train",
       .stage = "pm_train",
       .pm_kinds = {"preference"},
       .pm_trainer = true,
       .required = {"preference"},
       .settled_by_training = {"preference"},
       .trained_model = "pm",
       .progress = "pairs",
       .result = "pm.safetensors"},
      {.name = "pm_score",
       .stage = "pm_train",
       .reward_kinds = {"score"},
       .required = {"score"},
       .reference_weights = "pm_init",
       .progress = "pairs",
       .optional = true},
      {.name = "firewall",
       .stage = "firewall",
       .reward_kinds = {"activation"},
       .required = {"activation"},
       .reference_weights = "sl_cai",
       .progress = "prompts",
       .optional = true},
      rl_phase(config),
      {.name = "eval_generate",
       .stage = "eval",
       .rollout_kinds = {"eval"},
       .required = {"eval"},
       .rollout_weights = "base",
       .progress = "answers",
       .optional = true},
      {.name = "eval_judge",
       .stage = "eval",
       .feedback_kinds = {"judge"},
       .required = {"judge"},
       .progress = "comparisons",
       .optional = true},
  };
}

Phase find_phase(const config::RunConfig& config, const std::string& name) {
  for (auto& phase : phases(config))
    if (phase.name == name) return phase;
  throw std::invalid_argument("phase: " + name + ", expected one of the pipeline's");
}

RoleCounts role_counts(const config::RunConfig& config) {
  return {.rollout = config.actors.rollout,
          .feedback = config.actors.feedback,
          .reward = config.actors.reward};
}

const std::vector<std::string>& stage_names() {
  static const std::vector<std::string> names{"sl_generate", "sl_train", "label", "pm_train",
                                              "firewall",    "rl",       "eval",  "report"};
  return names;
}

std::vector<NodePlan> node_plans(const config::RunConfig& config, const Phase& phase) {
  std::vector<std::string> engine, trainer;
  const auto add = [&](const char* role, int32_t count) {
    for (int32_t i = 0; i < count; ++i)
      engine.push_back(std::string(role) + "/" + std::to_string(i));
  };
  if (!phase.rollout_kinds.empty()) add("rollout", config.actors.rollout);
  if (!phase.feedback_kinds.empty() || phase.feedback_serves_pairs)
    add("feedback", config.actors.feedback);
  if (phase.reward_serves_trajectories || !phase.reward_kinds.empty())
    add("reward", config.actors.reward);
  if (phase.pm_trainer) trainer.emplace_back("pm_trainer/0");
  if (phase.learner) trainer.emplace_back("ppo_learner/0");

  std::vector<NodePlan> plans;
  if (config.machine.placement == "single") {
    auto roles = engine;
    roles.insert(roles.end(), trainer.begin(), trainer.end());
    plans.push_back({"worker", std::move(roles), !trainer.empty()});
  } else if (config.machine.placement == "split") {
    if (!engine.empty()) plans.push_back({"engine", std::move(engine), false});
    if (!trainer.empty()) plans.push_back({"trainer", std::move(trainer), true});
  } else {
    for (auto* roles : {&engine, &trainer})
      for (const auto& role : *roles) {
        std::string node = role;
        std::replace(node.begin(), node.end(), '/', '-');
        plans.push_back({node, {role}, roles == &trainer});
      }
  }
  return plans;
}

int32_t threads_of(const config::RunConfig& config, const Phase& phase, const std::string& role) {
  const int32_t slots = config::compute_slots(config);
  // Scoring and PM training in the rl phase come in short bursts beside generation and the policy's
  // update; giving them shares of their own would leave slots idle most of the time.
  std::vector<std::pair<std::string, int32_t>> busy;
  if (!phase.rollout_kinds.empty()) busy.emplace_back("rollout", config.actors.rollout);
  if (phase.learner) busy.emplace_back("ppo_learner", 1);
  if (busy.empty() && !phase.feedback_kinds.empty())
    busy.emplace_back("feedback", config.actors.feedback);
  if (busy.empty() && !phase.reward_kinds.empty())
    busy.emplace_back("reward", config.actors.reward);
  if (busy.empty()) busy.emplace_back("pm_trainer", 1);
  int32_t actors = 0;
  bool counted = false;
  for (const auto& [name, count] : busy) {
    actors += count;
    counted |= role.starts_with(name);
  }
  return counted ? std::max(1, slots / std::max(1, actors)) : 1;
}

}  // namespace charter::actors
