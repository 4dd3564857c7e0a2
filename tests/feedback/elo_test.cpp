#include "feedback/elo.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "feedback/counter_rng.hpp"
#include "feedback/preference.hpp"

namespace charter::feedback {
namespace {

constexpr EloOptions kPlain{.ridge = 0, .bootstrap = 0};

TEST(Elo, ThreeWinsOfFourAreOneHundredNinetyOnePoints) {
  const std::vector<Match> matches = {{1, 0, 1}, {1, 0, 1}, {0, 1, 0}, {1, 0, 0}};
  const auto ratings = elo_ratings(2, matches, kPlain);
  EXPECT_EQ(ratings[0].elo, 0);
  EXPECT_NEAR(ratings[1].elo, 400 * std::log10(3.0), 1e-6);  // odds 3 : 1 = 190.85
  EXPECT_EQ(ratings[1].games, 4);
  EXPECT_NEAR(elo_win_fraction(ratings[1].elo, ratings[0].elo), 0.75, 1e-9);
}

TEST(Elo, ASoftScoreCountsAsItsShareOfAWin) {
  // Four games of 0.75 hold the same points as three wins of four.
  const std::vector<Match> matches(4, Match{1, 0, 0.75});
  EXPECT_NEAR(elo_ratings(2, matches, kPlain)[1].elo, 400 * std::log10(3.0), 1e-6);
}

TEST(Elo, AChainOfGamesAddsUp) {
  // 1 takes 3/4 from 0, 2 takes 3/4 from 1, 0 and 2 never met: 2 x 190.85.
  const std::vector<Match> matches = {{1, 0, 0.75}, {2, 1, 0.75}};
  EXPECT_NEAR(elo_ratings(3, matches, kPlain)[2].elo, 800 * std::log10(3.0), 1e-6);
}

TEST(Elo, TheRidgeIsWorthOneDrawPerUnit) {
  // 3 wins, 1 loss and 1 draw: odds 3.5 : 1.5.
  const std::vector<Match> matches = {{1, 0, 1}, {1, 0, 1}, {1, 0, 1}, {1, 0, 0}};
  const auto ratings = elo_ratings(2, matches, {.ridge = 1, .bootstrap = 0});
  EXPECT_NEAR(ratings[1].elo, 400 * std::log10(3.5 / 1.5), 1e-6);
}

TEST(Elo, AWinnerOfEveryGameStaysFinite) {
  const std::vector<Match> matches(10, Match{1, 0, 1});
  // 10.25 : 0.25 with the default ridge of 1/2.
  EXPECT_NEAR(elo_ratings(2, matches, {.bootstrap = 0})[1].elo, 400 * std::log10(41.0), 1e-6);
  EXPECT_TRUE(std::isfinite(elo_ratings(2, matches, kPlain)[1].elo));
}

TEST(Elo, TheAnchorIsZeroAndOnlyDifferencesMatter) {
  const std::vector<Match> matches = {{0, 1, 0.6}, {1, 2, 0.7}, {2, 0, 0.2}};
  const auto a = elo_ratings(3, matches, {.anchor = 0, .ridge = 0, .bootstrap = 0});
  const auto b = elo_ratings(3, matches, {.anchor = 2, .ridge = 0, .bootstrap = 0});
  EXPECT_EQ(b[2].elo, 0);
  EXPECT_NEAR(a[1].elo - a[2].elo, b[1].elo - b[2].elo, 1e-6);
}

TEST(Elo, APlayerWithoutAPathToTheAnchorIsMarked) {
  const std::vector<Match> matches = {{0, 1, 1}, {2, 3, 1}};
  const auto ratings = elo_ratings(4, matches, {.bootstrap = 0});
  EXPECT_TRUE(ratings[1].connected);
  EXPECT_FALSE(ratings[2].connected);
  EXPECT_EQ(ratings[2].elo, 0);
}

TEST(Elo, RecoversPlantedRatingsAndTheIntervalsHoldThem) {
  const double truth[3] = {0, 100, -50};
  std::vector<Match> matches;
  for (std::uint64_t k = 0; k < 3000; ++k) {
    const std::size_t i = k % 3, j = (k + 1) % 3;
    const bool won = draw_unit({4, k, 0}) < elo_win_fraction(truth[i], truth[j]);
    matches.push_back({i, j, won ? 1.0 : 0.0});
  }
  const auto ratings = elo_ratings(3, matches, {.bootstrap = 200, .seed = 1});
  // 2,000 games a player: standard error about 174 / sqrt(2000 / 4) = 8.
  EXPECT_NEAR(ratings[1].elo, 100, 30);
  EXPECT_NEAR(ratings[2].elo, -50, 30);
  EXPECT_LT(ratings[1].low, ratings[1].elo);
  EXPECT_GT(ratings[1].high, ratings[1].elo);
  EXPECT_LT(ratings[1].high - ratings[1].low, 80);
  const auto again = elo_ratings(3, matches, {.bootstrap = 200, .seed = 1});
  EXPECT_EQ(again[1].low, ratings[1].low);
}

TEST(Elo, RefusesBrokenArguments) {
  const std::vector<Match> self = {{0, 0, 1}}, outside = {{0, 5, 1}}, score = {{0, 1, 1.5}};
  EXPECT_THROW((void)elo_ratings(2, self, kPlain), std::invalid_argument);
  EXPECT_THROW((void)elo_ratings(2, outside, kPlain), std::invalid_argument);
  EXPECT_THROW((void)elo_ratings(2, score, kPlain), std::invalid_argument);
  EXPECT_THROW((void)elo_ratings(2, {}, {.anchor = 2}), std::invalid_argument);
}

}  // namespace
}  // namespace charter::feedback
