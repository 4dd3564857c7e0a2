#include "feedback/elo.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "feedback/preference.hpp"
#include "feedback/stats.hpp"

namespace charter::feedback {
namespace {

constexpr double kEloPerNat = 173.71779276130073;  // 400 / ln 10
constexpr double kLimit = 20;  // nats: ratings of players that won everything stop here (3,474 Elo)

// games(i, j): points of i against j.
class Points {
 public:
  explicit Points(std::size_t players) : players_(players), points_(players * players, 0.0) {}
  std::size_t players() const { return players_; }
  double& operator()(std::size_t i, std::size_t j) { return points_[i * players_ + j]; }
  double operator()(std::size_t i, std::size_t j) const { return points_[i * players_ + j]; }

 private:
  std::size_t players_;
  std::vector<double> points_;
};

void add(Points* points, const Match& match) {
  (*points)(match.i, match.j) += match.score_i;
  (*points)(match.j, match.i) += 1 - match.score_i;
}

// A symmetric prior of ridge draws between the players that met in `matches`.
Points prior(std::size_t players, std::span<const Match> matches, double ridge) {
  Points out(players);
  for (const Match& match : matches) {
    out(match.i, match.j) = ridge / 2;
    out(match.j, match.i) = ridge / 2;
  }
  return out;
}

std::vector<bool> connected_to(std::size_t anchor, std::size_t players,
                               std::span<const Match> matches) {
  std::vector<bool> seen(players, false);
  seen[anchor] = true;
  for (bool grew = true; grew;) {
    grew = false;
    for (const Match& match : matches) {
      if (seen[match.i] == seen[match.j]) continue;
      seen[match.i] = seen[match.j] = true;
      grew = true;
    }
  }
  return seen;
}

// Solves a x = b in place by Gaussian elimination with pivoting; x = 0 along singular directions.
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < n; ++r) {
      if (std::abs(a[r][c]) > std::abs(a[pivot][c])) pivot = r;
    }
    std::swap(a[c], a[pivot]);
    std::swap(b[c], b[pivot]);
    if (std::abs(a[c][c]) < 1e-12) continue;
    for (std::size_t r = c + 1; r < n; ++r) {
      const double factor = a[r][c] / a[c][c];
      for (std::size_t k = c; k < n; ++k) a[r][k] -= factor * a[c][k];
      b[r] -= factor * b[c];
    }
  }
  std::vector<double> x(n, 0.0);
  for (std::size_t c = n; c-- > 0;) {
    if (std::abs(a[c][c]) < 1e-12) continue;
    double sum = b[c];
    for (std::size_t k = c + 1; k < n; ++k) sum -= a[c][k] * x[k];
    x[c] = sum / a[c][c];
  }
  return x;
}

// One Newton step of the log-likelihood (concave) over the free players; its largest component.
double newton_step(const Points& points, const std::vector<std::size_t>& free,
                   std::vector<double>* r) {
  std::vector<std::vector<double>> information(free.size(), std::vector<double>(free.size(), 0.0));
  std::vector<double> gradient(free.size(), 0.0);
  for (std::size_t a = 0; a < free.size(); ++a) {
    const std::size_t i = free[a];
    for (std::size_t j = 0; j < points.players(); ++j) {
      const double games = points(i, j) + points(j, i);
      if (games == 0) continue;
      const double win = sigmoid((*r)[i] - (*r)[j]);
      const double curvature = games * win * (1 - win);
      gradient[a] += points(i, j) - games * win;
      information[a][a] += curvature;
      const auto at = std::find(free.begin(), free.end(), j);
      if (at != free.end()) {
        information[a][static_cast<std::size_t>(at - free.begin())] -= curvature;
      }
    }
  }
  const std::vector<double> step = solve(std::move(information), std::move(gradient));
  double largest = 0;
  for (std::size_t a = 0; a < free.size(); ++a) {
    const double bounded = std::clamp(step[a], -1.0, 1.0);  // far from the top Newton overshoots
    const double moved = std::clamp((*r)[free[a]] + bounded, -kLimit, kLimit);
    largest = std::max(largest, std::abs(moved - (*r)[free[a]]));
    (*r)[free[a]] = moved;
  }
  return largest;
}

// Ratings in nats, anchor = 0.
std::vector<double> fit(const Points& points, std::size_t anchor,
                        const std::vector<bool>& connected) {
  std::vector<std::size_t> free;
  for (std::size_t i = 0; i < points.players(); ++i) {
    if (i != anchor && connected[i]) free.push_back(i);
  }
  std::vector<double> r(points.players(), 0.0);
  for (int step = 0; step < 100; ++step) {
    if (newton_step(points, free, &r) < 1e-10) break;
  }
  return r;
}

void check(std::size_t players, std::span<const Match> matches, const EloOptions& options) {
  if (players < 1 || options.anchor >= players) {
    throw std::invalid_argument("elo: anchor " + std::to_string(options.anchor) + " of " +
                                std::to_string(players) + " players, expected a smaller index");
  }
  if (!(options.ridge >= 0)) throw std::invalid_argument("elo: ridge is negative, expected >= 0");
  for (const Match& match : matches) {
    if (match.i >= players || match.j >= players || match.i == match.j ||
        !(match.score_i >= 0 && match.score_i <= 1)) {
      throw std::invalid_argument("elo: match of " + std::to_string(match.i) + " and " +
                                  std::to_string(match.j) + " with score " +
                                  std::to_string(match.score_i) +
                                  ", expected two players and a score in [0, 1]");
    }
  }
}

}  // namespace

std::vector<EloRating> elo_ratings(std::size_t players, std::span<const Match> matches,
                                   const EloOptions& options) {
  check(players, matches, options);
  const std::vector<bool> connected = connected_to(options.anchor, players, matches);
  const Points base = prior(players, matches, options.ridge);
  Points points = base;
  std::vector<EloRating> out(players);
  for (const Match& match : matches) {
    add(&points, match);
    ++out[match.i].games;
    ++out[match.j].games;
  }
  const std::vector<double> r = fit(points, options.anchor, connected);
  std::vector<std::vector<double>> resampled(players);
  IndexStream stream(options.seed);
  for (int b = 0; b < options.bootstrap && !matches.empty(); ++b) {
    Points sample = base;
    for (std::size_t k = 0; k < matches.size(); ++k) {
      add(&sample, matches[stream.next(matches.size())]);
    }
    const std::vector<double> ratings = fit(sample, options.anchor, connected);
    for (std::size_t i = 0; i < players; ++i) resampled[i].push_back(ratings[i] * kEloPerNat);
  }
  for (std::size_t i = 0; i < players; ++i) {
    const Interval interval =
        percentile_interval(r[i] * kEloPerNat, std::move(resampled[i]), options.confidence);
    out[i].elo = interval.value;
    out[i].low = interval.low;
    out[i].high = interval.high;
    out[i].connected = connected[i];
  }
  return out;
}

double elo_win_fraction(double a, double b) { return sigmoid((a - b) / kEloPerNat); }

}  // namespace charter::feedback
