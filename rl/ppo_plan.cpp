#include "rl/ppo_plan.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

#include "model/train_step.hpp"
#include "rl/policy_pass.hpp"

namespace charter::rl {
namespace {

// Fisher-Yates on one engine's raw output: the same order with every standard library.
std::vector<int64_t> shuffled(int64_t n, uint64_t seed, int64_t version, int64_t pass) {
  std::seed_seq sequence{seed, seed >> 32, static_cast<uint64_t>(version),
                         static_cast<uint64_t>(pass)};
  std::mt19937_64 engine(sequence);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[engine() % i]);
  return order;
}

}  // namespace

std::vector<MicroBatch> plan_pass(std::span<const ScoredTrajectory> trajectories,
                                  const PpoOptions& options, int64_t version, int64_t pass) {
  const auto n = static_cast<int64_t>(trajectories.size());
  const int64_t minibatches = std::min<int64_t>(options.minibatches, n);
  const std::vector<int64_t> order = shuffled(n, options.seed, version, pass);
  std::vector<MicroBatch> result;
  for (int64_t m = 0; m < minibatches; ++m) {
    const int64_t begin = m * n / minibatches, end = (m + 1) * n / minibatches;
    std::vector<int64_t> lengths;
    int64_t tokens = 0;
    for (int64_t i = begin; i < end; ++i) {
      const Trajectory& t = trajectories[static_cast<size_t>(order[i])].trajectory;
      lengths.push_back(pass_tokens(t));
      tokens += static_cast<int64_t>(t.response.size());
    }
    auto from = order.begin() + begin;
    for (const size_t to : model::plan_micro_batches(lengths, options.micro_batch_tokens)) {
      const auto until = order.begin() + begin + static_cast<int64_t>(to);
      result.push_back({.rows = {from, until}, .minibatch_tokens = tokens});
      from = until;
    }
    result.back().last = true;
  }
  return result;
}

void check_trainable(const ScoredTrajectory& scored, const model::ModelConfig& config) {
  const auto refuse = [&scored](const std::string& what) {
    throw std::invalid_argument("trajectory of work_id " +
                                std::to_string(scored.trajectory.work_id) + ": " + what);
  };
  if (const std::string found = defect(scored); !found.empty()) refuse(found);
  if (pass_tokens(scored.trajectory) > config.longest_text()) {
    refuse(std::to_string(pass_tokens(scored.trajectory)) +
           " tokens, expected <= " + std::to_string(config.longest_text()));
  }
  for (const auto* tokens : {&scored.trajectory.prompt, &scored.trajectory.response}) {
    for (const int32_t id : *tokens) {
      if (id < config.vocab_size) continue;
      refuse("token id " + std::to_string(id) + ", expected < " +
             std::to_string(config.vocab_size));
    }
  }
}

}  // namespace charter::rl
