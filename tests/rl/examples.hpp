// Trajectories and small comparisons that the tests of this folder share.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "rl/trajectory.hpp"

namespace charter::rl {

// A consistent trajectory of `n` response tokens whose log-probs are all -1.
inline ScoredTrajectory example(int64_t work_id, size_t n, int64_t version = 0,
                                double score = 1.0) {
  ScoredTrajectory scored;
  Trajectory& t = scored.trajectory;
  t.work_id = work_id;
  t.prompt = {1, 2, 3};
  for (size_t i = 0; i < n; ++i) t.response.push_back(static_cast<int32_t>(4 + i % 8));
  t.behavior_logprobs.assign(n, -1.0f);
  t.policy_versions.assign(n, version);
  t.precision = "float32";
  t.finished = true;
  scored.score = score;
  scored.ref_logprobs.assign(n, -1.0f);
  return scored;
}

inline at::Tensor doubles(std::vector<double> values) { return at::tensor(values, at::kDouble); }

inline void expect_near(const at::Tensor& got, const at::Tensor& expected,
                        double tolerance = 1e-12) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  EXPECT_LE((got - expected).abs().max().item<double>(), tolerance)
      << "got " << got << "\nexpected " << expected;
}

}  // namespace charter::rl
