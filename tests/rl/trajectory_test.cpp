#include "rl/trajectory.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/rl/examples.hpp"

namespace charter::rl {
namespace {

TEST(Trajectory, OldestVersionIsTheSmallest) {
  ScoredTrajectory scored = example(1, 3);
  scored.trajectory.policy_versions = {4, 4, 6};
  EXPECT_EQ(oldest_version(scored.trajectory), 4);
}

TEST(Trajectory, AConsistentOneHasNoDefect) { EXPECT_EQ(defect(example(1, 3)), ""); }

TEST(Trajectory, TokenIdsLieInTheVocabulary) {
  ScoredTrajectory scored = example(1, 3);
  scored.trajectory.prompt = {0};
  scored.trajectory.response = {1, 9, 2};
  EXPECT_EQ(defect(scored, 10), "");
  EXPECT_EQ(defect(scored, 9), "token id 9, expected 0 <= id < 9");
  EXPECT_EQ(defect(scored.trajectory, 9), "token id 9, expected 0 <= id < 9");
  scored.trajectory.prompt = {-1};
  EXPECT_EQ(defect(scored, 10), "token id -1, expected 0 <= id < 10");
}

TEST(Trajectory, EveryDefectIsNamed) {
  const auto with = [](auto change) {
    ScoredTrajectory scored = example(1, 3);
    change(scored);
    return defect(scored);
  };
  EXPECT_EQ(with([](auto& s) { s.trajectory.behavior_logprobs.pop_back(); }),
            "behavior_logprobs: 2 entries, expected 3 (one a response token)");
  EXPECT_EQ(with([](auto& s) { s.ref_logprobs.push_back(0); }),
            "ref_logprobs: 4 entries, expected 3 (one a response token)");
  EXPECT_NE(with([](auto& s) {
              s.trajectory.policy_versions = {2, 1, 1};
            }).find("decreasing"),
            std::string::npos);
  EXPECT_NE(with([](auto& s) { s.trajectory.behavior_logprobs[1] = NAN; }).find("[1]"),
            std::string::npos);
  EXPECT_NE(with([](auto& s) { s.ref_logprobs[2] = 0.5f; }).find("ref_logprobs[2]"),
            std::string::npos);
  EXPECT_NE(with([](auto& s) { s.score = INFINITY; }).find("score"), std::string::npos);
  EXPECT_NE(with([](auto& s) { s.trajectory.temperature = 0; }).find("temperature"),
            std::string::npos);
  EXPECT_NE(with([](auto& s) { s.trajectory.prompt.clear(); }).find("prompt"), std::string::npos);
}

}  // namespace
}  // namespace charter::rl
