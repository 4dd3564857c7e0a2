#include "actors/phases.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace charter::actors {
namespace {

using Names = std::vector<std::string>;

TEST(Phases, EveryStageButTheReportHasAPhaseAndTheyRunInTheStagesOrder) {
  const auto all = phases({});
  const auto& stages = stage_names();
  size_t at = 0;
  std::set<std::string> seen;
  for (const auto& phase : all) {
    const auto it = std::find(stages.begin(), stages.end(), phase.stage);
    ASSERT_NE(it, stages.end()) << phase.stage;
    const auto position = static_cast<size_t>(it - stages.begin());
    EXPECT_GE(position, at) << phase.name;
    at = position;
    seen.insert(phase.stage);
  }
  EXPECT_EQ(seen.size(), stages.size() - 1);
  EXPECT_FALSE(seen.contains("report"));
}

TEST(Phases, WhatIsRequiredIsTakenBySomeActor) {
  for (const auto& phase : phases({})) {
    std::set<std::string> taken;
    for (const auto* kinds :
         {&phase.rollout_kinds, &phase.feedback_kinds, &phase.reward_kinds, &phase.pm_kinds})
      taken.insert(kinds->begin(), kinds->end());
    if (phase.learner) taken.insert("sft");
    EXPECT_FALSE(phase.required.empty()) << phase.name;
    for (const auto& kind : phase.required)
      EXPECT_TRUE(taken.contains(kind)) << phase.name << " " << kind;
    EXPECT_FALSE(phase.progress.empty()) << phase.name;
  }
}

TEST(Phases, WhatATrainingSettlesHasATrainerAndAModel) {
  for (const auto& phase : phases({})) {
    EXPECT_EQ(phase.settled_by_training.empty(), phase.trained_model.empty()) << phase.name;
    EXPECT_EQ(!phase.settled_by_training.empty(), phase.learner || phase.pm_trainer) << phase.name;
  }
}

TEST(Phases, AreFoundByName) {
  EXPECT_EQ(find_phase({}, "judge_check").stage, "label");
  EXPECT_THROW((void)find_phase({}, "judge"), std::invalid_argument);
}

TEST(Phases, TheOnlinePreferenceModelBringsItsActorsIntoTheRlPhase) {
  config::RunConfig config;
  config.rl.online_pm = true;
  EXPECT_TRUE(find_phase(config, "rl").pm_trainer);
  EXPECT_TRUE(find_phase(config, "rl").feedback_serves_pairs);
  config.rl.online_pm = false;
  EXPECT_FALSE(find_phase(config, "rl").pm_trainer);
  EXPECT_EQ(find_phase(config, "rl").rollout_kinds, (Names{"rollout"}));
}

TEST(NodePlans, SplitPutsTheEngineRolesAndTheTrainersInAProcessEach) {
  config::RunConfig config;
  config.actors = {.rollout = 2, .feedback = 1, .reward = 1};
  config.machine.placement = "split";
  config.rl.online_pm = true;
  const auto plans = node_plans(config, find_phase(config, "rl"));
  ASSERT_EQ(plans.size(), 2u);
  EXPECT_EQ(plans[0].name, "engine");
  EXPECT_EQ(plans[0].roles, (Names{"rollout/0", "rollout/1", "feedback/0", "reward/0"}));
  EXPECT_FALSE(plans[0].trains);
  EXPECT_EQ(plans[1].name, "trainer");
  EXPECT_EQ(plans[1].roles, (Names{"pm_trainer/0", "ppo_learner/0"}));
  EXPECT_TRUE(plans[1].trains);
  // A phase without trainers has no trainer process, and the other way round.
  ASSERT_EQ(node_plans(config, find_phase(config, "sl_generate")).size(), 1u);
  EXPECT_EQ(node_plans(config, find_phase(config, "sl_generate"))[0].name, "engine");
  ASSERT_EQ(node_plans(config, find_phase(config, "sl_train")).size(), 1u);
  EXPECT_EQ(node_plans(config, find_phase(config, "sl_train"))[0].name, "trainer");
}

TEST(NodePlans, SinglePutsAllRolesTogether) {
  config::RunConfig config;
  config.machine.placement = "single";
  config.rl.online_pm = false;
  const auto plans = node_plans(config, find_phase(config, "rl"));
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].roles, (Names{"rollout/0", "reward/0", "ppo_learner/0"}));
  EXPECT_TRUE(plans[0].trains);
}

TEST(NodePlans, ProcessPerWorkerGivesEachRoleItsOwn) {
  config::RunConfig config;
  config.actors.rollout = 2;
  config.machine.placement = "process-per-worker";
  config.rl.online_pm = false;
  const auto plans = node_plans(config, find_phase(config, "rl"));
  Names names;
  for (const auto& plan : plans) {
    names.push_back(plan.name);
    EXPECT_EQ(plan.roles.size(), 1u);
    EXPECT_EQ(plan.trains, plan.name == "ppo_learner-0");
  }
  EXPECT_EQ(names, (Names{"rollout-0", "rollout-1", "reward-0", "ppo_learner-0"}));
}

// The roles that compute for the whole of a phase share the slots; the others run in short bursts
// beside them, on one thread.
TEST(Threads, TheRolesThatComputeTogetherNeverGetMoreThanTheSlots) {
  const std::map<std::string, Names> counted{{"sl_generate", {"rollout"}},
                                             {"sl_train", {"ppo_learner"}},
                                             {"label", {"rollout"}},
                                             {"judge_check", {"feedback"}},
                                             {"pmp", {"pm_trainer"}},
                                             {"pm_train", {"pm_trainer"}},
                                             {"pm_score", {"reward"}},
                                             {"firewall", {"reward"}},
                                             {"rl", {"rollout", "ppo_learner"}},
                                             {"eval_generate", {"rollout"}},
                                             {"eval_judge", {"feedback"}}};
  for (int32_t slots = 1; slots <= 8; ++slots)
    for (int32_t actors = 1; actors <= 3; ++actors) {
      config::RunConfig config;
      config.machine.compute_slots = slots;
      config.actors = {.rollout = actors, .feedback = actors, .reward = actors};
      for (const auto& phase : phases(config)) {
        int32_t sum = 0, members = 0;
        for (const auto& plan : node_plans(config, phase))
          for (const auto& role : plan.roles) {
            const auto threads = threads_of(config, phase, role);
            EXPECT_GE(threads, 1);
            const auto& names = counted.at(phase.name);
            if (std::any_of(names.begin(), names.end(),
                            [&](const auto& name) { return role.starts_with(name); })) {
              sum += threads;
              ++members;
            } else {
              EXPECT_EQ(threads, 1) << phase.name << " " << role;
            }
          }
        EXPECT_GT(members, 0) << phase.name;
        // With fewer slots than members each still has the one thread it runs on.
        EXPECT_LE(sum, std::max(slots, members)) << phase.name << " " << slots << " slots";
      }
    }
}

}  // namespace
}  // namespace charter::actors
