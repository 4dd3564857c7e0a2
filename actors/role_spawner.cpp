#include "actors/role_spawner.hpp"

#include "actors/feedback_actor.hpp"
#include "actors/optimizer_plan.hpp"
#include "actors/pm_trainer_actor.hpp"
#include "actors/ppo_learner.hpp"
#include "actors/reward.hpp"
#include "actors/rollout.hpp"
#include "actors/used_prompts.hpp"
#include "feedback/datasets.hpp"

namespace charter::actors {
namespace {

struct Spawn {
  caf::actor_system& system;
  const NodeContext& context;
  std::shared_ptr<const PhaseModels> models;
  const PackedModels& packed;
  const Phase& phase;
  std::string role;  // "rollout"
  int32_t index = 0;
  int32_t threads = 1;
  int64_t items = 0;  // of work the phase has

  // policy: weights whose tokens the role exchanges with others.
  [[nodiscard]] Wiring wiring(const std::string& policy) const {
    Wiring result = context.wiring;
    models->load(policy)->identity.put_into(result.hello);
    return result;
  }
  [[nodiscard]] prometheus::Labels labels() const {
    return {{"run", context.config.run.name}, {"actor", role + "/" + std::to_string(index)}};
  }
  [[nodiscard]] metrics::StageMetrics stage_metrics(const char* stage) const {
    return metrics::StageMetrics::make(*context.registry, labels(), stage);
  }
  [[nodiscard]] model::EngineOptions engine() const {
    return {.max_batch = context.config.rollout.batch,
            .max_context = context.config.models.max_context,
            .prefix_cache_bytes = context.config.rollout.prefix_cache_mib << 20};
  }
  [[nodiscard]] std::shared_ptr<const feedback::Constitution> constitution() const {
    const auto path = data_file(context, context.config.data.constitution, "constitution.toml");
    return std::make_shared<const feedback::Constitution>(
        std::filesystem::is_directory(path) ? feedback::import_paper_constitution(path)
                                            : feedback::load_constitution(path));
  }
};

AnyRole spawn_rollout(const Spawn& s) {
  const auto& c = s.context.config;
  const bool rl = s.phase.name == "rl", eval = s.phase.stage == "eval";
  RolloutOptions options{.index = s.index,
                         .threads = s.threads,
                         .model = s.phase.rollout_weights,
                         .kinds = s.phase.rollout_kinds};
  for (const auto& name : rollout_models(*s.models, s.phase))
    options.packed[weights_name(c, name)] = s.models->packed(name, s.packed);
  options.rewards = s.phase.reward_serves_trajectories ? c.actors.reward : 0;
  options.feedbacks = s.phase.feedback_serves_pairs ? c.actors.feedback : 0;
  options.follows_policy = rl;
  options.snapshots = s.context.snapshots;
  options.engine = s.engine();
  options.precision = model::precision_from_name(c.rollout.precision);
  options.max_new_tokens = rl     ? c.rl.max_new_tokens
                           : eval ? c.eval.max_new_tokens
                                  : c.sl_generate.max_new_tokens;
  options.temperature = c.rollout.temperature;
  options.seed = static_cast<uint64_t>(c.run.seed);
  options.max_context = c.models.max_context;
  options.fewshot_max_tokens = c.sl_generate.fewshot_max_tokens;
  if (s.phase.name == "sl_generate") {
    options.constitution = s.constitution();
    options.critique_examples = std::make_shared<const std::vector<feedback::CritiqueExample>>(
        feedback::load_critique_examples(
            data_file(s.context, c.data.critique_fewshot, "prompts/critique_fewshot.jsonl")));
  }
  return caf::actor_cast<AnyRole>(s.system.spawn<caf::detached>(
      rollout, s.wiring(s.phase.rollout_weights), s.models, std::move(options),
      metrics::RolloutMetrics::make(*s.context.registry, s.labels()),
      s.stage_metrics(eval ? "eval" : "rollout")));
}

AnyRole spawn_feedback(const Spawn& s) {
  const auto& c = s.context.config;
  FeedbackOptions options{.index = s.index,
                          .threads = s.threads,
                          .kinds = s.phase.feedback_kinds,
                          .serves_pairs = s.phase.feedback_serves_pairs,
                          .online = s.phase.pm_trainer && s.phase.feedback_serves_pairs,
                          .engine = s.engine(),
                          .seed = static_cast<uint64_t>(c.run.seed),
                          .method = c.label.method,
                          .held_out_principles = c.label.held_out_principles,
                          .contrast_scale = c.label.contrast_scale,
                          .clamp = c.label.clamp,
                          .max_context = c.models.max_context};
  options.packed = s.models->packed("judge", s.packed);
  options.constitution = s.constitution();
  options.examples = std::make_shared<const std::vector<feedback::FeedbackExample>>(
      feedback::load_feedback_examples(
          data_file(s.context, c.data.feedback_fewshot, "prompts/feedback_fewshot.jsonl")));
  std::vector<std::string> principles;
  for (const auto& principle : options.constitution->feedback) principles.push_back(principle.id);
  return caf::actor_cast<AnyRole>(s.system.spawn<caf::detached>(
      feedback_actor, s.context.wiring, s.models, std::move(options),
      metrics::FeedbackMetrics::make(*s.context.registry, s.labels(), principles),
      s.stage_metrics("feedback")));
}

AnyRole spawn_reward(const Spawn& s) {
  const auto& c = s.context.config;
  const bool rl = s.phase.name == "rl";
  RewardOptions options{.index = s.index,
                        .threads = s.threads,
                        .kinds = s.phase.reward_kinds,
                        .serves_trajectories = s.phase.reward_serves_trajectories,
                        .has_pm = s.phase.name != "firewall",
                        .follows_pm = rl && c.rl.online_pm,
                        .snapshots = s.context.snapshots,
                        .reference = s.phase.reference_weights,
                        .max_tokens = c.pm_train.max_tokens};
  return caf::actor_cast<AnyRole>(s.system.spawn<caf::detached>(
      reward, s.wiring(s.phase.reference_weights), s.models, std::move(options),
      metrics::RewardMetrics::make(*s.context.registry, s.labels()), s.stage_metrics("reward")));
}

// Labelled comparisons the PM is measured on, and that keep the online PM's scale: held out, so
// that it is never trained on them. The better answer is first in every other one.
std::vector<ComparisonWork> probes(const Spawn& s) {
  std::vector<ComparisonWork> result;
  const auto path =
      data_file(s.context, s.context.config.data.helpfulness, "preferences/helpfulness.jsonl");
  const auto used =
      UsedPrompts::of_comparisons(store::Ledger::open_read_only(s.context.paths.ledger()));
  for (const auto& row : feedback::load_comparisons(path).rows) {
    if (row.split != feedback::Split::kHeldOut || result.size() >= 8) continue;
    if (!used.allows(row.prompt, row.split)) continue;
    const bool swap = result.size() % 2 == 1;
    result.push_back({.comparison_id = row.id,
                      .prompt = feedback::render(row.prompt),
                      .first = swap ? row.rejected : row.chosen,
                      .second = swap ? row.chosen : row.rejected,
                      .p_first = swap ? 0.0 : 1.0});
  }
  return result;
}

AnyRole spawn_pm_trainer(const Spawn& s) {
  const auto& c = s.context.config;
  const auto& weights = s.context.paths.weights();
  const bool pmp = s.phase.name == "pmp", rl = s.phase.name == "rl";
  PmTrainerOptions options{.threads = s.threads,
                           .model = pmp  ? "pmp"
                                    : rl ? "pm_online"
                                         : "pm",
                           .kinds = s.phase.pm_kinds};
  options.training.micro_batch_tokens = c.training.micro_batch_tokens;
  options.training.gradient_checkpointing = c.training.gradient_checkpointing;
  options.online = rl;
  options.start = pm_start(weights, s.phase);
  options.result = weights / (options.model + ".safetensors");
  options.batch = rl ? c.rl.pm_batch : c.pm_train.batch;
  options.max_tokens = c.pm_train.max_tokens;
  options.optimizer = rl ? online_pm_optimizer(c) : optimizer_options(c, s.phase, s.items);
  options.seed = static_cast<uint64_t>(c.run.seed);
  options.checkpoints = s.context.paths.checkpoints(options.model);
  options.checkpoint_every = rl ? 1 : c.pm_train.checkpoint_every;
  options.keep_checkpoints = static_cast<size_t>(c.rl.keep_checkpoints);
  options.snapshots = s.context.snapshots;
  options.probes = probes(s);
  return caf::actor_cast<AnyRole>(s.system.spawn<caf::detached>(
      pm_trainer_actor, s.context.wiring, s.models, std::move(options),
      metrics::PmTrainerMetrics::make(*s.context.registry, s.labels()),
      metrics::CheckpointMetrics::make(*s.context.registry, s.labels()),
      s.stage_metrics("pm_train")));
}

AnyRole spawn_learner(const Spawn& s) {
  const auto& c = s.context.config;
  const bool ppo = s.phase.name == "rl";
  const std::string start = ppo ? "sl_cai" : "base";
  LearnerOptions options{
      .threads = s.threads, .ppo = ppo, .start = start, .result = ppo ? "rl_cai" : "sl_cai"};
  options.batch = ppo ? c.rl.batch : c.sl_train.batch;
  options.max_tokens = c.sl_train.max_tokens;
  options.optimizer = optimizer_options(c, s.phase, s.items);
  options.options = {.epochs = c.rl.epochs,
                     .minibatches = c.rl.minibatches,
                     .lambda = c.rl.lambda,
                     .clip_epsilon = c.rl.clip_epsilon,
                     .kl_coef = c.rl.kl_coef,
                     .importance_cap = c.rl.importance_cap};
  options.options.seed = static_cast<uint64_t>(c.run.seed);
  options.options.micro_batch_tokens = options.sft.micro_batch_tokens =
      c.training.micro_batch_tokens;
  options.options.gradient_checkpointing = options.sft.gradient_checkpointing =
      c.training.gradient_checkpointing;
  options.seed = static_cast<uint64_t>(c.run.seed);
  options.checkpoints = s.context.paths.checkpoints(s.phase.trained_model);
  options.checkpoint_every = ppo ? c.rl.checkpoint_every : c.sl_train.checkpoint_every;
  options.keep_checkpoints = static_cast<size_t>(c.rl.keep_checkpoints);
  options.snapshots = s.context.snapshots;
  return caf::actor_cast<AnyRole>(s.system.spawn<caf::detached>(
      ppo_learner, s.wiring(start), s.models, std::move(options),
      metrics::LearnerMetrics::make(*s.context.registry, s.labels()),
      metrics::CheckpointMetrics::make(*s.context.registry, s.labels()),
      s.stage_metrics(ppo ? "ppo" : "sl_train")));
}

}  // namespace

std::filesystem::path data_file(const NodeContext& context, const std::string& configured,
                                const char* authored) {
  return configured.empty() ? context.data / authored : std::filesystem::path(configured);
}

AnyRole spawn_role(caf::actor_system& system, const NodeContext& context,
                   std::shared_ptr<const PhaseModels> models, const PackedModels& packed,
                   const Phase& phase, const std::string& role, int64_t items) {
  const auto slash = role.find('/');
  Spawn spawn{system,
              context,
              std::move(models),
              packed,
              phase,
              role.substr(0, slash),
              std::stoi(role.substr(slash + 1)),
              threads_of(context.config, phase, role),
              items};
  if (spawn.role == "rollout") return spawn_rollout(spawn);
  if (spawn.role == "feedback") return spawn_feedback(spawn);
  if (spawn.role == "reward") return spawn_reward(spawn);
  if (spawn.role == "pm_trainer") return spawn_pm_trainer(spawn);
  if (spawn.role == "ppo_learner") return spawn_learner(spawn);
  throw std::invalid_argument(
      "role: " + role +
      ", expected rollout/N, feedback/N, reward/N, pm_trainer/0 or ppo_learner/0");
}

}  // namespace charter::actors
