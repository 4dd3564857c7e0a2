#include "rl/policy_pass.hpp"

#include <ATen/ATen.h>

#include <vector>

namespace charter::rl {
namespace {

// Where the response tokens are predicted in the packed sequences.
struct Layout {
  std::vector<std::vector<int32_t>> inputs;
  std::vector<int64_t> rows, targets;
  std::vector<int64_t> counts;  // response tokens a trajectory
};

Layout lay_out(std::span<const ScoredTrajectory> trajectories) {
  Layout layout;
  int64_t offset = 0;
  for (const ScoredTrajectory& scored : trajectories) {
    const Trajectory& t = scored.trajectory;
    std::vector<int32_t> input = t.prompt;
    input.insert(input.end(), t.response.begin(), t.response.end() - 1);
    const int64_t first = offset + static_cast<int64_t>(t.prompt.size()) - 1;
    for (size_t i = 0; i < t.response.size(); ++i) {
      layout.rows.push_back(first + static_cast<int64_t>(i));
      layout.targets.push_back(t.response[i]);
    }
    layout.counts.push_back(static_cast<int64_t>(t.response.size()));
    offset += static_cast<int64_t>(input.size());
    layout.inputs.push_back(std::move(input));
  }
  return layout;
}

// Entropy of softmax(logits / temperature), H = logsumexp(z) - sum p z, with a graph.
at::Tensor entropies(const model::Transformer& policy, const at::Tensor& hidden,
                     double temperature) {
  constexpr int64_t kRows = 128;
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < hidden.size(0); begin += kRows) {
    const int64_t n = std::min(kRows, hidden.size(0) - begin);
    const at::Tensor z = model::logits(policy, hidden.narrow(0, begin, n)) / temperature;
    const at::Tensor normalizer = z.logsumexp(1, /*keepdim=*/true);
    parts.push_back(normalizer.squeeze(1) - ((z - normalizer).exp() * z).sum(1));
  }
  return at::cat(parts);
}

}  // namespace

int64_t pass_tokens(const Trajectory& trajectory) {
  return static_cast<int64_t>(trajectory.prompt.size() + trajectory.response.size()) - 1;
}

PolicyPass run_policy(const model::Transformer& policy, const model::ValueHead& head,
                      std::span<const ScoredTrajectory> trajectories,
                      const PolicyPassOptions& options) {
  const Layout layout = lay_out(trajectories);
  const at::Device device = policy.embedding.device();
  const at::Tensor hidden =
      model::hidden_states(policy, model::pack(layout.inputs, device),
                           {.gradient_checkpointing = options.gradient_checkpointing})
          .index_select(0, at::tensor(layout.rows).to(device));
  const at::Tensor targets = at::tensor(layout.targets).to(device);
  // Trajectories of one temperature in a row share one call: almost always there is only one run.
  std::vector<at::Tensor> logprobs, entropy;
  int64_t begin = 0;
  for (size_t i = 0; i < trajectories.size();) {
    const double temperature = trajectories[i].trajectory.temperature;
    int64_t n = 0;
    for (; i < trajectories.size() && trajectories[i].trajectory.temperature == temperature; ++i) {
      n += layout.counts[i];
    }
    const at::Tensor rows = hidden.narrow(0, begin, n);
    const at::Tensor ids = targets.narrow(0, begin, n);
    begin += n;
    if (options.entropy && !at::GradMode::is_enabled()) {
      auto scores = model::token_scores(policy, rows, ids, temperature);
      logprobs.push_back(std::move(scores.logprobs));
      entropy.push_back(std::move(scores.entropies));
      continue;
    }
    logprobs.push_back(model::token_logprobs(policy, rows, ids, temperature));
    if (options.entropy) entropy.push_back(entropies(policy, rows, temperature));
  }
  return {.logprobs = at::cat(logprobs),
          .values = model::forward(head, hidden),
          .entropy = options.entropy ? at::cat(entropy) : at::Tensor()};
}

}  // namespace charter::rl
