#include "rl/ppo_trainer.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <stdexcept>

#include "model/lora.hpp"
#include "model/train_state.hpp"
#include "rl/policy_pass.hpp"
#include "rl/ppo_batch.hpp"
#include "rl/ppo_loss.hpp"
#include "rl/ppo_plan.hpp"

namespace charter::rl {
namespace {

constexpr const char* kFile = "ppo_trainer";

model::NamedTensors parameters_of(const model::Transformer& policy, model::ValueHead& head) {
  model::NamedTensors all = model::trainable_parameters(policy);
  for (auto& parameter : model::trainable_parameters(head)) all.push_back(std::move(parameter));
  return all;
}

}  // namespace

struct PpoTrainer::Impl {
  Impl(model::Transformer policy_in, model::ValueHead head_in, PpoOptions options_in,
       model::AdamWOptions optimizer_in)
      : policy(std::move(policy_in)),
        head(std::move(head_in)),
        options(options_in),
        optimizer(parameters_of(policy, head), optimizer_in) {
    validate(options);
  }

  std::vector<ScoredTrajectory> gather(const MicroBatch& micro) const;
  at::Tensor valid_of(const at::Tensor& table, const MicroBatch& micro) const;
  void check_finite(const at::Tensor& per_token, const MicroBatch& micro, const char* what) const;
  void proximal_step(const MicroBatch& micro);
  void train_step(const MicroBatch& micro);
  void optimizer_step();
  void finish();

  model::Transformer policy;
  model::ValueHead head;
  PpoOptions options;
  model::AdamW optimizer;
  int64_t version = 0;
  PpoStats stats;

  // The batch under way; empty when idle.
  std::vector<ScoredTrajectory> trajectories;
  Batch batch;
  at::Tensor proximal, values, entropy;  // [B, T], filled by the proximal pass
  PpoTargets targets;
  std::vector<MicroBatch> plan;  // of the pass under way
  size_t next = 0;               // micro-batch of the plan
  int64_t pass = -1;             // -1: the proximal pass, which uses the plan of pass 0
};

std::vector<ScoredTrajectory> PpoTrainer::Impl::gather(const MicroBatch& micro) const {
  std::vector<ScoredTrajectory> result;
  for (const int64_t row : micro.rows) result.push_back(trajectories[static_cast<size_t>(row)]);
  return result;
}

at::Tensor PpoTrainer::Impl::valid_of(const at::Tensor& table, const MicroBatch& micro) const {
  const at::Tensor rows = at::tensor(micro.rows).to(table.device());
  return table.index_select(0, rows).masked_select(batch.mask.index_select(0, rows));
}

void PpoTrainer::Impl::check_finite(const at::Tensor& per_token, const MicroBatch& micro,
                                    const char* what) const {
  const at::Tensor good = at::isfinite(per_token.detach());
  if (good.all().item<bool>()) return;
  int64_t begin = 0;
  for (const int64_t row : micro.rows) {
    const Trajectory& t = trajectories[static_cast<size_t>(row)].trajectory;
    const auto n = static_cast<int64_t>(t.response.size());
    if (!good.narrow(0, begin, n).all().item<bool>()) {
      throw std::runtime_error(std::string(what) + " of work_id " + std::to_string(t.work_id) +
                               ": not finite");
    }
    begin += n;
  }
}

void PpoTrainer::Impl::proximal_step(const MicroBatch& micro) {
  const at::NoGradGuard no_grad;
  const PolicyPass out = run_policy(policy, head, gather(micro), {.entropy = true});
  check_finite(out.logprobs, micro, "log-probs");
  check_finite(out.values, micro, "values");
  const at::Tensor rows = at::tensor(micro.rows).to(batch.mask.device());
  const at::Tensor mask = batch.mask.index_select(0, rows);
  proximal.index_copy_(0, rows, scatter_tokens(out.logprobs, mask));
  values.index_copy_(0, rows, scatter_tokens(out.values, mask));
  entropy.index_copy_(0, rows, scatter_tokens(out.entropy, mask));
}

void PpoTrainer::Impl::train_step(const MicroBatch& micro) {
  const bool with_entropy = options.entropy_coef != 0.0;
  const PolicyPass out = run_policy(
      policy, head, gather(micro),
      {.entropy = with_entropy, .gradient_checkpointing = options.gradient_checkpointing});
  check_finite(out.logprobs, micro, "log-probs");
  check_finite(out.values, micro, "values");
  const at::Tensor old = valid_of(targets.proximal, micro);
  const ClippedLoss policy_part =
      policy_loss(out.logprobs, old, valid_of(targets.advantages, micro),
                  valid_of(targets.weights, micro), options.clip_epsilon);
  const ClippedLoss value_part =
      value_loss(out.values, valid_of(targets.old_values, micro), valid_of(targets.returns, micro),
                 options.value_clip_epsilon);
  at::Tensor sum = policy_part.sum + options.value_coef * value_part.sum;
  if (with_entropy) sum = sum - options.entropy_coef * out.entropy.sum();
  const at::Tensor loss = sum / static_cast<double>(micro.minibatch_tokens);
  check_finite(loss.expand({out.logprobs.size(0)}), micro, "loss");
  loss.backward();

  const double all = static_cast<double>(batch.tokens) * options.epochs;
  const at::Tensor d = (out.logprobs.detach() - old).clamp(-20.0, 20.0);
  stats.policy_loss += policy_part.sum.item<double>() / all;
  stats.value_loss += value_part.sum.item<double>() / all;
  stats.clip_ratio += static_cast<double>(policy_part.clipped) / all;
  stats.value_clip_ratio += static_cast<double>(value_part.clipped) / all;
  // k3 of KL(proximal || current) on the proximal policy's samples: r - 1 - log r.
  stats.approx_kl += (at::expm1(d) - d).sum().item<double>() / all;
}

void PpoTrainer::Impl::optimizer_step() {
  stats.learning_rate = optimizer.next_learning_rate();
  stats.grad_norm = optimizer.step(options.max_grad_norm);
  optimizer.zero_grad();
}

void PpoTrainer::Impl::finish() {
  stats.version = ++version;
  trajectories.clear();
  plan.clear();
  batch = {};
  targets = {};
  proximal = values = entropy = at::Tensor();
}

PpoTrainer::PpoTrainer(model::Transformer policy, model::ValueHead value_head, PpoOptions options,
                       model::AdamWOptions optimizer)
    : impl_(std::make_unique<Impl>(std::move(policy), std::move(value_head), options, optimizer)) {}
PpoTrainer::~PpoTrainer() = default;
PpoTrainer::PpoTrainer(PpoTrainer&&) noexcept = default;
PpoTrainer& PpoTrainer::operator=(PpoTrainer&&) noexcept = default;

void PpoTrainer::begin(std::vector<ScoredTrajectory> batch) {
  if (busy()) throw std::invalid_argument("begin: a batch is under way, expected none");
  Impl& s = *impl_;
  for (const ScoredTrajectory& scored : batch) check_trainable(scored, s.policy.config);
  s.batch = collate(batch, s.version, s.policy.embedding.device());
  s.trajectories = std::move(batch);
  s.proximal = at::zeros_like(s.batch.behavior_logprobs);
  s.values = at::zeros_like(s.proximal);
  s.entropy = at::zeros_like(s.proximal);
  s.stats = {};
  s.pass = -1;
  // The proximal pass groups trajectories as pass 0 does: sums are then rounded alike, and the
  // first ratio is exactly 1.
  s.plan = plan_pass(s.trajectories, s.options, s.version, 0);
  s.next = 0;
}

bool PpoTrainer::advance() {
  if (!busy()) throw std::invalid_argument("advance: no batch, expected begin() before");
  Impl& s = *impl_;
  const MicroBatch& micro = s.plan[s.next];
  if (s.pass < 0) {
    s.proximal_step(micro);
  } else {
    s.train_step(micro);
    if (micro.last) s.optimizer_step();
  }
  if (++s.next < s.plan.size()) return false;
  if (s.pass < 0) {
    s.targets = make_targets(s.batch, s.proximal, s.values, s.entropy, s.options, s.stats);
  }
  s.next = 0;
  if (++s.pass < s.options.epochs) {
    s.plan = plan_pass(s.trajectories, s.options, s.version, s.pass);
    return false;
  }
  s.finish();
  return true;
}

bool PpoTrainer::busy() const { return !impl_->trajectories.empty(); }
const PpoStats& PpoTrainer::stats() const { return impl_->stats; }
int64_t PpoTrainer::version() const { return impl_->version; }
const model::Transformer& PpoTrainer::policy() const { return impl_->policy; }

model::Snapshot PpoTrainer::snapshot(int64_t lineage) const {
  return {.model = "policy",
          .lineage = lineage,
          .version = impl_->version,
          .tensors = model::copy_tensors(model::trainable_parameters(impl_->policy)),
          .metadata = model::adapter_metadata(impl_->policy)};
}

void PpoTrainer::save(const std::filesystem::path& directory) const {
  if (busy()) throw std::invalid_argument("save: a batch is under way, expected none");
  model::save_training(directory, kFile, impl_->optimizer, impl_->version);
}

void PpoTrainer::restore(const std::filesystem::path& directory) {
  Impl& s = *impl_;
  const int64_t version = model::restore_training(directory, kFile, s.optimizer).version;
  s.optimizer.zero_grad();
  if (busy()) s.finish();
  s.version = version;
}

}  // namespace charter::rl
