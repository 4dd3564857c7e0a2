#include "cli/descriptor_limit.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <stdexcept>

namespace charter::cli {
namespace {

config::RunConfig with(int32_t rollouts, int32_t rewards, const std::string& placement = "split") {
  config::RunConfig config;
  config.actors.rollout = rollouts;
  config.actors.reward = rewards;
  config.actors.feedback = 1;
  config.machine.placement = placement;
  return config;
}

// One of each worker. Joined: 5 work, 7 record, 1 trajectory, 1 pair, 1 preference, 1 scored,
// 1 batch, 4 weights, 5 control = 26, 6 descriptors each. Served: 6 by control, 3 by workers, 40
// each. Beside them 128 and 256.
TEST(Descriptors, AreCountedByLink) {
  EXPECT_EQ(descriptors_needed(with(1, 1)), 26 * 6 + 9 * 40 + 128 + 256);
  // A process a worker serves at most one arrow of its own.
  EXPECT_EQ(descriptors_needed(with(1, 1, "process-per-worker")), 26 * 6 + 7 * 40 + 128 + 256);
}

// Each rollout joins every reward: in one process they multiply.
TEST(Descriptors, GrowWithTheLinksOfAProcess) {
  const auto small = descriptors_needed(with(8, 8));
  EXPECT_GE(descriptors_needed(with(16, 16)) - small, (16 * 16 - 8 * 8) * 6);
  EXPECT_LT(descriptors_needed(with(64, 64, "process-per-worker")), 6000);
}

TEST(Descriptors, TheLimitIsRaisedToTheMostThatIsAllowed) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  require_descriptors(static_cast<int64_t>(before.rlim_max));
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(Descriptors, TooFewAreRefusedWithBothNumbers) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto most = static_cast<int64_t>(limit.rlim_max);
  if (most < 0) GTEST_SKIP() << "no limit here";
  try {
    require_descriptors(most + 1);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "open files: at most " + std::to_string(most) +
                                " are allowed (ulimit -Hn), expected " + std::to_string(most + 1) +
                                " for this configuration");
  }
}

}  // namespace
}  // namespace charter::cli
