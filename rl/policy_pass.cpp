#include "rl/policy_pass.hpp"

#include <ATen/ATen.h>

#include <vector>

namespace charter::rl {
namespace {

// The hidden states that predict the response tokens, trajectory after trajectory, and those.
struct Predictions {
  at::Tensor hidden, targets;   // [n, H], [n]
  std::vector<int64_t> counts;  // response tokens a trajectory
};

Predictions predict(const model::Transformer& policy,
                    std::span<const ScoredTrajectory> trajectories, bool gradient_checkpointing) {
  std::vector<std::vector<int32_t>> inputs;
  for (const ScoredTrajectory& scored : trajectories) {
    const Trajectory& t = scored.trajectory;
    inputs.push_back(t.prompt);
    inputs.back().insert(inputs.back().end(), t.response.begin(), t.response.end() - 1);
  }
  const at::Device device = policy.embedding.device();
  const model::PackedSequences packed = model::pack_shared(inputs, device);
  std::vector<int64_t> rows, targets;
  Predictions result;
  for (size_t i = 0; i < trajectories.size(); ++i) {
    const Trajectory& t = trajectories[i].trajectory;
    const int64_t first = static_cast<int64_t>(t.prompt.size()) - 1;
    for (size_t k = 0; k < t.response.size(); ++k)
      rows.push_back(packed.row(i, first + static_cast<int64_t>(k)));
    targets.insert(targets.end(), t.response.begin(), t.response.end());
    result.counts.push_back(static_cast<int64_t>(t.response.size()));
  }
  result.hidden = model::hidden_rows(policy, packed, at::tensor(rows).to(device),
                                     {.gradient_checkpointing = gradient_checkpointing});
  result.targets = at::tensor(targets).to(device);
  return result;
}

// Calls run(first row, rows, temperature) for trajectories of one temperature in a row: almost
// always there is only one run.
template <typename Run>
void by_temperature(std::span<const ScoredTrajectory> trajectories,
                    const std::vector<int64_t>& counts, const Run& run) {
  int64_t begin = 0;
  for (size_t i = 0; i < trajectories.size();) {
    const double temperature = trajectories[i].trajectory.temperature;
    int64_t n = 0;
    for (; i < trajectories.size() && trajectories[i].trajectory.temperature == temperature; ++i)
      n += counts[i];
    run(begin, n, temperature);
    begin += n;
  }
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
  const Predictions predictions = predict(policy, trajectories, options.gradient_checkpointing);
  const at::Tensor &hidden = predictions.hidden, &targets = predictions.targets;
  std::vector<at::Tensor> logprobs, entropy;
  by_temperature(
      trajectories, predictions.counts, [&](int64_t begin, int64_t n, double temperature) {
        const at::Tensor rows = hidden.narrow(0, begin, n), ids = targets.narrow(0, begin, n);
        if (options.entropy && !at::GradMode::is_enabled()) {
          auto scores = model::token_scores(policy, rows, ids, temperature);
          logprobs.push_back(std::move(scores.logprobs));
          entropy.push_back(std::move(scores.entropies));
          return;
        }
        logprobs.push_back(model::token_logprobs(policy, rows, ids, temperature));
        if (options.entropy) entropy.push_back(entropies(policy, rows, temperature));
      });
  return {.logprobs = at::cat(logprobs),
          .values = model::forward(head, hidden),
          .entropy = options.entropy ? at::cat(entropy) : at::Tensor()};
}

void set_reference_logprobs(const model::Transformer& reference,
                            std::span<ScoredTrajectory> trajectories) {
  const at::NoGradGuard no_grad;
  const Predictions predictions = predict(reference, trajectories, false);
  std::vector<at::Tensor> parts;
  by_temperature(trajectories, predictions.counts, [&](int64_t begin, int64_t n, double t) {
    parts.push_back(model::token_logprobs(reference, predictions.hidden.narrow(0, begin, n),
                                          predictions.targets.narrow(0, begin, n), t));
  });
  const at::Tensor all = at::cat(parts).cpu().contiguous();
  const float* next = all.const_data_ptr<float>();
  for (size_t i = 0; i < trajectories.size(); ++i) {
    trajectories[i].ref_logprobs.assign(next, next + predictions.counts[i]);
    next += predictions.counts[i];
  }
}

}  // namespace charter::rl
