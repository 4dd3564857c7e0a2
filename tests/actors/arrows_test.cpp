#include "actors/arrows.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "actors/wire.hpp"

namespace charter::actors {
namespace {

using Kind = std::pair<std::string, int32_t>;

std::set<Kind> let_in(Arrow arrow, Role here, const RoleCounts& counts = {}) {
  std::set<Kind> result;
  for (const auto& role : accepted(arrow, here, counts)) result.emplace(role.kind, role.count);
  return result;
}

// Number 21 of 21 is the last of the list in actors/wire.hpp.
TEST(Arrows, EveryMessageTravelsOnOneArrow) {
  std::map<uint16_t, std::set<Arrow>> arrows;
  for (const auto& row : sayings()) arrows[row.type].insert(row.arrow);
  EXPECT_EQ(arrows.size(), size_t{kWireType<Fault>});
  for (const auto& [type, on] : arrows) EXPECT_EQ(on.size(), 1u) << type;
}

TEST(Arrows, OnlyWhatIsInTheTableMayBeSaid) {
  const auto trained = kWireType<Trained>;
  EXPECT_TRUE(may_say(Arrow::kRecord, Passage::kData, trained, Role::kPpoLearner, Role::kLedger));
  EXPECT_TRUE(may_say(Arrow::kRecord, Passage::kData, trained, Role::kPmTrainer, Role::kLedger));
  EXPECT_FALSE(may_say(Arrow::kRecord, Passage::kData, trained, Role::kRollout, Role::kLedger));
  EXPECT_FALSE(
      may_say(Arrow::kRecord, Passage::kAnnouncement, trained, Role::kPpoLearner, Role::kLedger));
  EXPECT_FALSE(may_say(Arrow::kWork, Passage::kData, trained, Role::kPpoLearner, Role::kLedger));
  EXPECT_FALSE(may_say(Arrow::kRecord, Passage::kData, trained, Role::kLedger, Role::kPpoLearner));
  EXPECT_FALSE(may_say(Arrow::kControl, Passage::kAnnouncement, kWireType<Fault>, Role::kRollout,
                       Role::kSupervisor));
  EXPECT_TRUE(may_say(Arrow::kControl, Passage::kAnnouncement, kWireType<Fault>, Role::kNode,
                      Role::kSupervisor));
  EXPECT_FALSE(
      may_say(Arrow::kControl, Passage::kAnnouncement, 999, Role::kNode, Role::kSupervisor));
}

// The table of docs/architecture.md.
TEST(Arrows, LetInWhoHasAPartInThem) {
  const RoleCounts counts{.rollout = 4, .feedback = 2, .reward = 3};
  EXPECT_EQ(
      let_in(Arrow::kWork, Role::kPromptSource, counts),
      (std::set<Kind>{
          {"rollout", 4}, {"feedback", 2}, {"reward", 3}, {"pm_trainer", 1}, {"ppo_learner", 1}}));
  EXPECT_EQ(let_in(Arrow::kRecord, Role::kLedger, counts), (std::set<Kind>{{"rollout", 4},
                                                                           {"feedback", 2},
                                                                           {"reward", 3},
                                                                           {"pm_trainer", 1},
                                                                           {"ppo_learner", 1},
                                                                           {"replay_buffer", 1},
                                                                           {"prompt_source", 1}}));
  EXPECT_EQ(let_in(Arrow::kTrajectory, Role::kReward, counts), (std::set<Kind>{{"rollout", 4}}));
  EXPECT_EQ(let_in(Arrow::kPair, Role::kFeedback, counts), (std::set<Kind>{{"rollout", 4}}));
  EXPECT_EQ(let_in(Arrow::kPreference, Role::kPmTrainer, counts),
            (std::set<Kind>{{"feedback", 2}}));
  EXPECT_EQ(let_in(Arrow::kScored, Role::kReplayBuffer, counts), (std::set<Kind>{{"reward", 3}}));
  EXPECT_EQ(let_in(Arrow::kBatch, Role::kReplayBuffer, counts),
            (std::set<Kind>{{"ppo_learner", 1}}));
  EXPECT_EQ(let_in(Arrow::kWeights, Role::kWeightStore, counts),
            (std::set<Kind>{{"rollout", 4}, {"reward", 3}, {"pm_trainer", 1}, {"ppo_learner", 1}}));
  EXPECT_EQ(let_in(Arrow::kControl, Role::kSupervisor, counts),
            (std::set<Kind>{{"node", 11}}));  // 4 + 2 + 3 + two trainers
}

TEST(Arrows, WhoJoinsLetsInTheServerAlone) {
  EXPECT_EQ(let_in(Arrow::kWork, Role::kRollout), (std::set<Kind>{{"prompt_source", 1}}));
  EXPECT_EQ(let_in(Arrow::kRecord, Role::kReplayBuffer), (std::set<Kind>{{"ledger", 1}}));
  EXPECT_EQ(let_in(Arrow::kTrajectory, Role::kRollout), (std::set<Kind>{{"reward", 64}}));
  EXPECT_EQ(let_in(Arrow::kBatch, Role::kPpoLearner), (std::set<Kind>{{"replay_buffer", 1}}));
  EXPECT_EQ(let_in(Arrow::kWeights, Role::kPmTrainer), (std::set<Kind>{{"weight_store", 1}}));
  EXPECT_EQ(let_in(Arrow::kControl, Role::kNode), (std::set<Kind>{{"supervisor", 1}}));
  EXPECT_TRUE(let_in(Arrow::kControl, Role::kRollout).empty());
}

TEST(Roles, AreReadFromWhatAHelloSays) {
  EXPECT_EQ(role_of("rollout"), Role::kRollout);
  EXPECT_EQ(role_of("node:engine"), Role::kNode);
  EXPECT_EQ(role_of("supervisor"), Role::kSupervisor);
  EXPECT_EQ(role_of(""), std::nullopt);
  EXPECT_EQ(role_of("rollouts"), std::nullopt);
}

}  // namespace
}  // namespace charter::actors
