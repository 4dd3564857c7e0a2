#include "rl/batch.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <stdexcept>

namespace charter::rl {
namespace {

// Fills row by row on the host, then moves once: trajectories arrive as host vectors.
struct HostBatch {
  HostBatch(int64_t b, int64_t t)
      : mask(at::zeros({b, t}, at::kBool)),
        behavior(at::zeros({b, t}, at::kFloat)),
        ref(at::zeros({b, t}, at::kFloat)),
        token_staleness(at::zeros({b, t}, at::kLong)),
        staleness(at::zeros({b}, at::kLong)),
        scores(at::zeros({b}, at::kFloat)),
        finished(at::zeros({b}, at::kBool)) {}

  void set_row(int64_t row, const ScoredTrajectory& scored, int64_t version) {
    const Trajectory& t = scored.trajectory;
    const int64_t width = mask.size(1);
    for (size_t i = 0; i < t.response.size(); ++i) {
      const int64_t at = row * width + static_cast<int64_t>(i);
      mask.data_ptr<bool>()[at] = true;
      behavior.data_ptr<float>()[at] = t.behavior_logprobs[i];
      ref.data_ptr<float>()[at] = scored.ref_logprobs[i];
      token_staleness.data_ptr<int64_t>()[at] = version - t.policy_versions[i];
    }
    staleness.data_ptr<int64_t>()[row] = version - oldest_version(t);
    scores.data_ptr<float>()[row] = static_cast<float>(scored.score);
    finished.data_ptr<bool>()[row] = t.finished;
  }

  at::Tensor mask, behavior, ref, token_staleness, staleness, scores, finished;
};

}  // namespace

Batch collate(std::span<const ScoredTrajectory> trajectories, int64_t version, at::Device device) {
  if (trajectories.empty()) throw std::invalid_argument("trajectories: 0, expected >= 1");
  size_t longest = 0;
  int64_t tokens = 0;
  for (const ScoredTrajectory& scored : trajectories) {
    if (const std::string found = defect(scored); !found.empty()) {
      throw std::invalid_argument("trajectory of work_id " +
                                  std::to_string(scored.trajectory.work_id) + ": " + found);
    }
    longest = std::max(longest, scored.trajectory.response.size());
    tokens += static_cast<int64_t>(scored.trajectory.response.size());
  }
  HostBatch host(static_cast<int64_t>(trajectories.size()), static_cast<int64_t>(longest));
  for (size_t i = 0; i < trajectories.size(); ++i) {
    host.set_row(static_cast<int64_t>(i), trajectories[i], version);
  }
  return {.mask = host.mask.to(device),
          .behavior_logprobs = host.behavior.to(device),
          .ref_logprobs = host.ref.to(device),
          .token_staleness = host.token_staleness.to(device),
          .staleness = host.staleness.to(device),
          .scores = host.scores.to(device),
          .finished = host.finished.to(device),
          .tokens = tokens};
}

at::Tensor scatter_tokens(const at::Tensor& flat, const at::Tensor& mask) {
  return at::zeros(mask.sizes(), flat.options()).masked_scatter(mask, flat);
}

}  // namespace charter::rl
