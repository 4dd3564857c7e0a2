#include "rl/ppo_batch.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "rl/gae.hpp"
#include "rl/importance.hpp"
#include "rl/kl.hpp"
#include "rl/masked.hpp"

namespace charter::rl {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

void require(bool good, const char* name, double got, const char* expected) {
  if (good) return;
  throw std::invalid_argument(std::string(name) + ": " + std::to_string(got) + ", expected " +
                              expected);
}

// Sums over each row's valid tokens, averaged over rows.
double mean_row_sum(const at::Tensor& x, const at::Tensor& mask) {
  return at::where(mask, x, at::zeros({}, x.options()))
      .sum(1, false, at::kDouble)
      .mean()
      .item<double>();
}

at::Tensor penalized_scores(const Batch& batch, const PpoOptions& options) {
  return at::where(batch.finished, batch.scores, batch.scores - options.missing_eos_penalty);
}

void describe_batch(const Batch& batch, const at::Tensor& scores, PpoStats& stats) {
  const at::Tensor rows = scores.to(at::kDouble);
  stats.samples = batch.mask.size(0);
  stats.tokens = batch.tokens;
  stats.reward_mean = rows.mean().item<double>();
  stats.reward_std = rows.numel() < 2 ? kNotMeasured : rows.std(/*unbiased=*/true).item<double>();
  stats.staleness_mean = batch.staleness.to(at::kDouble).mean().item<double>();
  stats.staleness_max = static_cast<double>(batch.staleness.max().item<int64_t>());
  stats.response_tokens_mean =
      static_cast<double>(stats.tokens) / static_cast<double>(stats.samples);
  stats.finished_ratio = batch.finished.to(at::kDouble).mean().item<double>();
}

void describe_policies(const Batch& batch, const at::Tensor& proximal, PpoStats& stats) {
  stats.kl_k1 = mean_row_sum(kl_k1(proximal, batch.ref_logprobs), batch.mask);
  stats.kl_k3 = mean_row_sum(kl_k3(proximal, batch.ref_logprobs), batch.mask);
  stats.ref_match_max =
      (proximal - batch.ref_logprobs).masked_select(batch.mask).abs().max().item<double>();
  const at::Tensor fresh = at::logical_and(batch.mask, batch.token_staleness == 0);
  const Mismatch same = mismatch(proximal, batch.behavior_logprobs, fresh);
  stats.mismatch_kl = same.kl;
  stats.logprob_abs_diff_max = same.abs_diff_max;
}

void describe_critic(const GaeResult& result, const at::Tensor& values, const at::Tensor& mask,
                     PpoStats& stats) {
  stats.value_mean = masked_mean(values, mask);
  stats.advantage_mean = masked_mean(result.advantages, mask);
  stats.advantage_std = std::sqrt(masked_variance(result.advantages, mask));
  const double total = masked_variance(result.returns, mask);
  // returns - values are the advantages: what the critic did not foresee.
  stats.explained_variance =
      total > 0 ? 1.0 - masked_variance(result.advantages, mask) / total : kNotMeasured;
}

}  // namespace

PpoTargets make_targets(const Batch& batch, const at::Tensor& proximal, const at::Tensor& values,
                        const at::Tensor& entropy, const PpoOptions& options, PpoStats& stats) {
  const at::Tensor scores = penalized_scores(batch, options);
  const at::Tensor kl = kl_k1(proximal, batch.ref_logprobs);
  const at::Tensor rewards = token_rewards(kl, scores, batch.mask, options.kl_coef);
  const GaeResult result =
      gae(rewards, values, batch.mask, {.gamma = options.gamma, .lambda = options.lambda});
  const Importance importance =
      truncated_importance(proximal, batch.behavior_logprobs, batch.mask, options.importance_cap);
  describe_batch(batch, scores, stats);
  describe_policies(batch, proximal, stats);
  describe_critic(result, values, batch.mask, stats);
  stats.rlhf_reward_mean = stats.reward_mean - options.kl_coef * stats.kl_k1;
  stats.entropy = masked_mean(entropy, batch.mask);
  stats.importance_mean = importance.mean;
  stats.importance_clip_ratio = importance.clip_ratio;
  stats.importance_ess_ratio = importance.ess_ratio;
  return {.proximal = proximal,
          .old_values = values,
          .advantages =
              options.whiten_advantages ? whiten(result.advantages, batch.mask) : result.advantages,
          .returns = result.returns,
          .weights = importance.weights};
}

void validate(const PpoOptions& o) {
  require(o.epochs >= 1, "epochs", o.epochs, ">= 1");
  require(o.minibatches >= 1, "minibatches", o.minibatches, ">= 1");
  require(o.micro_batch_tokens >= 1, "micro_batch_tokens",
          static_cast<double>(o.micro_batch_tokens), ">= 1");
  require(o.gamma > 0 && o.gamma <= 1, "gamma", o.gamma, "(0, 1]");
  require(o.lambda >= 0 && o.lambda <= 1, "lambda", o.lambda, "[0, 1]");
  require(o.clip_epsilon > 0, "clip_epsilon", o.clip_epsilon, "> 0");
  require(o.value_clip_epsilon > 0, "value_clip_epsilon", o.value_clip_epsilon, "> 0");
  require(o.value_coef >= 0, "value_coef", o.value_coef, ">= 0");
  require(std::isfinite(o.entropy_coef), "entropy_coef", o.entropy_coef, "finite");
  require(std::isfinite(o.kl_coef), "kl_coef", o.kl_coef, "finite");
  require(o.importance_cap >= 1, "importance_cap", o.importance_cap, ">= 1");
}

}  // namespace charter::rl
