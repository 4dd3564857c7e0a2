// Elo ratings by maximum likelihood (Bai et al. 2022, arXiv 2212.08073, section 3.3):
// P(i beats j) = 1 / (1 + 10^((E_j - E_i) / 400)). Only differences mean anything.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace charter::feedback {

struct Match {
  std::size_t i = 0;
  std::size_t j = 0;
  double score_i = 0.5;  // 1: i won, 0: j won, or a soft label in [0, 1]
};

struct EloOptions {
  std::size_t anchor = 0;  // player whose rating is 0
  // Pseudo-games: each pair of players that met is given this many extra draws, so that ratings
  // stay finite when one side wins every game. 0 gives pure maximum likelihood.
  double ridge = 0.5;
  int bootstrap = 1000;  // resamples of the matches; 0: no interval
  std::uint64_t seed = 0;
  double confidence = 0.95;
};

struct EloRating {
  double elo = 0;
  double low = 0;  // bootstrap percentile interval; equal to elo without bootstrap
  double high = 0;
  std::int64_t games = 0;
  bool connected = true;  // false: no chain of games to the anchor, the rating means nothing
};

// One rating per player. Throws std::invalid_argument: players < 1, anchor or a player out of
// range, i == j, a score outside [0, 1].
[[nodiscard]] std::vector<EloRating> elo_ratings(std::size_t players,
                                                 std::span<const Match> matches,
                                                 const EloOptions& options);

// Expected score of a player rated `a` against one rated `b`.
[[nodiscard]] double elo_win_fraction(double a, double b);

}  // namespace charter::feedback
