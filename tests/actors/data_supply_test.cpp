#include "actors/data_supply.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace charter::actors {
namespace {

// Enough for the defaults of every key.
DataCounts plenty() {
  return {.red_team = {165, 41},
          .helpful = {167, 41},
          .pmp = {52, 12},
          .helpfulness = {97, 64},
          .harmlessness_eval = {0, 64},
          .pmp_pairs = 140};
}

std::vector<std::string> shortages(const config::RunConfig& config, const DataCounts& counts) {
  std::vector<std::string> lines;
  for (const auto& supply : data_supply(config, counts))
    if (auto line = shortage(supply); !line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string error_of(const config::RunConfig& config, const DataCounts& counts) {
  try {
    require_training_data(config, counts);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(DataSupply, SaysNothingWhereThereIsEnough) {
  const config::RunConfig config;
  EXPECT_TRUE(shortages(config, plenty()).empty());
  EXPECT_EQ(error_of(config, plenty()), "nothing was thrown");
  EXPECT_EQ(why_no_work(config, plenty(), "label"), "");
}

TEST(DataSupply, FewerThanWantedIsSaidWithBothNumbers) {
  config::RunConfig config;
  config.eval.prompts = 24;
  auto counts = plenty();
  counts.red_team = {30, 3};
  config.firewall.held_out_prompts = 0;
  EXPECT_EQ(shortages(config, counts),
            (std::vector<std::string>{"eval.prompts: wants 12 held-out prompts of data.red_team, "
                                      "which has 3 (33 rows, 3 of them held out)"}));
}

// Three spellings of one prompt, whose hash holds it out.
TEST(DataSupply, OneHeldOutRowLeavesTheStagesThatTrainWithoutDataAndSaysSo) {
  const config::RunConfig config;
  auto counts = plenty();
  counts.red_team = {0, 1};
  EXPECT_EQ(why_no_work(config, counts, "label"),
            "label.comparisons: wants training prompts of data.red_team, which has none (1 row, "
            "held out): no pair is labelled for the preference model");
  EXPECT_EQ(error_of(config, counts), "nothing was thrown");  // data.helpful trains
  counts.helpful = {0, 2};
  EXPECT_EQ(error_of(config, counts),
            "data.red_team, data.helpful: no prompt to train on (1 row, held out; 2 rows, all held "
            "out), expected at least one that is not held out");
}

// One prompt to train on: what is measured on held-out ones is not.
TEST(DataSupply, OneTrainingRowIsEnoughToTrainAndNotToMeasure) {
  const config::RunConfig config;
  auto counts = plenty();
  counts.red_team = {1, 0};
  EXPECT_EQ(error_of(config, counts), "nothing was thrown");
  const auto lines = shortages(config, counts);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0],
            "sl_generate.red_team_prompts: wants 24 training prompts of data.red_team, which has 1 "
            "(1 row, none held out)");
  EXPECT_EQ(lines[1],
            "firewall.held_out_prompts: wants held-out prompts of data.red_team, which has none (1 "
            "row, none held out): the firewall is not measured");
  EXPECT_EQ(lines[2],
            "eval.prompts: wants held-out prompts of data.red_team, which has none (1 row, none "
            "held out): harmlessness is not evaluated");
}

TEST(DataSupply, APreferenceModelWithoutPairsIsRefused) {
  config::RunConfig config;
  auto counts = plenty();
  counts.helpfulness = {0, 24};
  EXPECT_EQ(pm_pairs(config, counts), 24);  // harmlessness_pairs, of 48 comparisons
  config.label.comparisons = 5;
  EXPECT_EQ(pm_pairs(config, counts), 5);
  counts.red_team = {0, 3};
  EXPECT_EQ(pm_pairs(config, counts), 0);
  EXPECT_NE(error_of(config, counts)
                .find("no pair to train the preference model on (data.helpfulness: 24 rows, all "
                      "held out; "),
            std::string::npos)
      << error_of(config, counts);
}

TEST(DataSupply, QuestionsWithOneAnswerMakeNoPairs) {
  const auto question = [](feedback::Split split, std::vector<int64_t> votes) {
    feedback::PmpQuestion q{
        .id = "q", .question = feedback::single_turn("Why?"), .answers = {}, .split = split};
    for (int64_t v : votes) q.answers.push_back({.text = "A" + std::to_string(v), .votes = v});
    return q;
  };
  using enum feedback::Split;
  EXPECT_EQ(count_pmp_pairs({question(kTrain, {1}), question(kTrain, {3})}, 1), 0);
  EXPECT_EQ(count_pmp_pairs({question(kTrain, {7, 0}), question(kHeldOut, {7, 0})}, 1), 1);
  const config::RunConfig config;
  auto counts = plenty();
  counts.pmp = {3, 0};
  counts.pmp_pairs = 0;
  EXPECT_EQ(
      shortages(config, counts),
      (std::vector<std::string>{"pm_train.pmp_pairs: wants training pairs (two answers of "
                                "different scores to one question) of data.pmp, which has none (3 "
                                "rows, none held out): the preference model is not pre-trained"}));
}

TEST(DataSupply, WhatIsNotAskedForIsNotMissed) {
  config::RunConfig config;
  config.pm_train.pmp_pairs = config.eval.prompts = config.firewall.held_out_prompts = 0;
  auto counts = plenty();
  counts.pmp_pairs = 0;
  counts.red_team.held_out = counts.helpful.held_out = 0;
  EXPECT_TRUE(shortages(config, counts).empty());
}

}  // namespace
}  // namespace charter::actors
