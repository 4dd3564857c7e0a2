#include "metrics/limits.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "metrics/quantities.hpp"

namespace charter::metrics {
namespace {

constexpr Limit kLimits[] = {
    // Bai et al. 2022 (arXiv:2204.05862, figure 13) end near sqrt(KL) = 6, 36 nats. The mean of
    // k1 is of either sign: by its noise, some nats at 50, and by staleness, by the KL of two
    // neighbouring versions. Ten nats below 0 are neither.
    {.id = "kl",
     .name = "KL to SL-CAI",
     .metric = "kl_to_ref",
     .labels = R"(estimator="k1")",
     .stat = "kl_k1",
     .low = -10,
     .high = 50,
     .alert = "CharterKlOutOfBounds",
     .means = "the policy has left its reference, or is not the one that wrote the responses",
     .action = "Lower rl.learning_rate or raise rl.kl_coef."},
    {.id = "entropy",
     .name = "policy entropy",
     .metric = "entropy",
     .stat = "entropy",
     .low = 0.1,
     .low_of_start = 0.3,
     .high_of_start = 3,
     .versions = 2,
     .alert = "CharterEntropyCollapsed",
     .means = "the policy repeats itself, or writes noise",
     .action = "Lower rl.learning_rate or raise rl.kl_coef."},
    {.id = "response_length",
     .name = "mean response length",
     .metric = "batch_response_tokens",
     .stat = "response_tokens_mean",
     .low_of_start = 0.3,
     .high_of_start = 3,
     .versions = 2,
     .alert = "CharterResponseLengthDrifts",
     .means = "length is a way to game the reward",
     .action = "Read responses of the newest version; compare pm_score by length."},
    // Short limits truncate by design: only the rise counts.
    {.id = "truncation",
     .name = "share of truncated responses",
     .metric = "truncated_ratio",
     .stat = "truncated_ratio",
     .high_over_start = 0.5,
     .versions = 3,
     .alert = "CharterTruncationRises",
     .means = "the policy has unlearnt to end its answers",
     .action = "Lower rl.learning_rate, or raise rl.max_new_tokens."},
    {.id = "importance",
     .name = "mean importance weight",
     .metric = "is_weight_mean",
     .stat = "importance_mean",
     .low = 0.8,
     .high = 1.2,
     .versions = 2,
     .alert = "CharterImportanceOffOne",
     .means = "the responses are not of the policy that is trained",
     .action = "Lower rl.max_staleness or rl.learning_rate."},
    // The run does not look at these two: mismatch_kl is 0 where no token was sampled by the
    // weights that score it, and the effective sample size is over tokens, not over responses.
    {.id = "importance_ess",
     .name = "effective sample size, as a share of the batch",
     .metric = "is_ess_ratio",
     .low = 0.3,
     .alert = "CharterImportanceEssLow",
     .lasting = "2m",
     .means = "the data is too old for the policy",
     .action = "Lower rl.max_staleness, or add rollout workers."},
    {.id = "mismatch",
     .name = "KL between engine and trainer",
     .metric = "mismatch_kl",
     .high = 0.01,
     .alert = "CharterMismatchKl",
     .lasting = "2m",
     .means = "two code paths compute different models",
     .action = "Compare the precision of the two; run the parity tests on this machine."},
    {.id = "pm_drift",
     .name = "drift of PM scores",
     .metric = "pm_score_drift",
     .low = -1,
     .high = 1,
     .alert = "CharterPmDrift",
     .lasting = "5m",
     .means = "rewards of different versions are not comparable",
     .action = "Freeze the PM or check its probe set."},
    {.id = "position_flips",
     .name = "share of verdicts that change with the order",
     .metric = "feedback_position_flip_ratio",
     .high = 0.3,
     .alert = "CharterJudgeReadsThePosition",
     .lasting = "5m",
     .means = "the judge reads the position, not the answers",
     .action = "Use the likelihood contrast, or a larger judge."},
    {.id = "heartbeat",
     .name = "age of the oldest heartbeat",
     .metric = "heartbeat_age_seconds",
     .high = 30,
     .alert = "CharterHeartbeatLate",
     .lasting = "30s",
     .severity = "critical",
     .whose = "role",
     .means = "an actor hangs",
     .action = "The supervisor kills and restarts it; if it comes again, look at memory first."},
    {.id = "queue_age",
     .name = "age of the oldest waiting item",
     .metric = "queue_oldest_age_seconds",
     .high = 300,
     .alert = "CharterQueueStuck",
     .lasting = "1m",
     .whose = "queue",
     .means = "nobody takes from this queue",
     .action = "Its consumer is gone or blocked: charter status shows who waits for whom."},
};

bool given(double bound) { return !std::isnan(bound); }

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

// "below L", "above H" or "outside L to H"; "" without either.
std::string range_text(double low, double high, const char* of) {
  if (given(low) && given(high)) return "outside " + number(low) + " to " + number(high) + of;
  if (given(low)) return "below " + number(low) + of;
  if (given(high)) return "above " + number(high) + of;
  return "";
}

// How far `value` is beyond the bounds; 0 within them.
double excess(const Limit& limit, double start, double value) {
  double most = 0;
  const auto beyond = [&most](double amount) {
    if (amount > most) most = amount;  // false for a bound that is not there
  };
  beyond(value - limit.high);
  beyond(limit.low - value);
  if (start > 0) {
    beyond(value - limit.high_of_start * start);
    beyond(limit.low_of_start * start - value);
  }
  beyond(value - (start + limit.high_over_start));
  return most;
}

bool relative(const Limit& limit) {
  return given(limit.low_of_start) || given(limit.high_of_start) || given(limit.high_over_start);
}

// Takes in one value; true when the side changed.
bool advance(LimitState& state, int64_t version, double value) {
  if (std::isnan(value)) return false;
  const Limit& limit = *state.limit;
  if (std::isnan(state.start)) state.start = value;
  state.value = value;
  const double over = excess(limit, state.start, value);
  if (over > 0 && (std::isnan(state.worst) || over > excess(limit, state.start, state.worst))) {
    state.worst = value;
    state.worst_version = version;
  }
  if ((over > 0) == state.exceeded) {
    state.streak = 0;
    return false;
  }
  if (++state.streak == 1) state.streak_began = version;
  if (state.streak < limit.versions) return false;
  state.exceeded = !state.exceeded;
  state.since = state.streak_began;
  state.ever |= state.exceeded;
  state.streak = 0;
  return true;
}

}  // namespace

std::span<const Limit> limits() { return kLimits; }

std::string bounds_text(const Limit& limit) {
  std::string text;
  for (const auto& part : {range_text(limit.low, limit.high, ""),
                           range_text(limit.low_of_start, limit.high_of_start, " times its start"),
                           given(limit.high_over_start)
                               ? "more than " + number(limit.high_over_start) + " above its start"
                               : std::string()}) {
    if (!part.empty()) text += (text.empty() ? "" : " or ") + part;
  }
  if (limit.versions > 1) text += " for " + std::to_string(limit.versions) + " versions";
  return text;
}

std::string value_text(const Limit& limit, double value) {
  const auto unit = text(unit_of_metric(limit.metric));
  return number(value) + (unit.empty() ? "" : " ") + std::string(unit);
}

std::string worry_text(std::string_view metric) {
  std::string out;
  for (const Limit& limit : kLimits)
    if (limit.metric == metric)
      out += (out.empty() ? "Worry " : " Worry ") + bounds_text(limit) + ": " +
             std::string(limit.means) + ".";
  return out;
}

std::string text(const Crossing& crossing) {
  const LimitState& state = crossing.state;
  const Limit& limit = *state.limit;
  std::string out = "limit " + std::string(limit.id) + ": " + std::string(limit.name) + " is " +
                    value_text(limit, state.value) + " at policy version " +
                    std::to_string(crossing.version);
  if (!state.exceeded) return out + ", within its limit again";
  out += ", " + bounds_text(limit);
  if (relative(limit)) out += " (the start: " + number(state.start) + ")";
  return out + ": " + std::string(limit.means) + ". " + std::string(limit.action);
}

LimitWatch::LimitWatch() {
  for (const Limit& limit : kLimits)
    if (!limit.stat.empty()) states_.push_back({.limit = &limit});
}

std::vector<Crossing> LimitWatch::look(int64_t version,
                                       const std::function<double(std::string_view stat)>& number) {
  std::vector<Crossing> crossings;
  if (version <= newest_) return crossings;
  newest_ = version;
  for (LimitState& state : states_)
    if (advance(state, version, number(state.limit->stat))) crossings.push_back({state, version});
  return crossings;
}

}  // namespace charter::metrics
