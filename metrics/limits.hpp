// The limits within which a run's numbers are believed: one row each. The run looks at its rows
// with every policy version (LimitWatch); metrics' help texts, the group of
// metrics/prometheus/alerts.yml that scripts/alerts.sh writes, and the report's notes say the same
// rows in words, so that no two of them can disagree. What follows from a crossing is its reader's:
// LimitWatch says which row was crossed and by what. Pure values, without Prometheus.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace charter::metrics {

struct Limit {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::string_view id;           // in events and in charter_limit_exceeded{limit=...}: "kl"
  std::string_view name;         // of what is measured: "KL to SL-CAI"
  std::string_view metric;       // without "charter_"
  std::string_view labels = "";  // of its series, as PromQL: estimator="k1"
  // Key in a policy version's statistics. "": the run does not look at it; Prometheus' rule does.
  std::string_view stat = "";

  // Exceeded below `low` or above `high`, in the quantity's unit; below `low_of_start` or above
  // `high_of_start` times the first version's value, if that is above 0; or more than
  // `high_over_start` above it. kNone: no such bound.
  double low = kNone, high = kNone;
  double low_of_start = kNone, high_of_start = kNone, high_over_start = kNone;
  // Versions in a row beyond the bounds before it counts as exceeded, and within them before it
  // counts as over.
  int32_t versions = 1;

  std::string_view alert;         // the rule's name
  std::string_view lasting = "";  // the rule's "for"; "" fires at once
  std::string_view severity = "warning";
  std::string_view whose = "actor";  // the label of its series that says whose value it is
  std::string_view means;            // "the policy has collapsed"
  std::string_view action;           // what to look at first
};

[[nodiscard]] std::span<const Limit> limits();

// "below 0.1 or outside 0.3 to 3 times its start, for 2 versions".
[[nodiscard]] std::string bounds_text(const Limit& limit);
// "0.4 nats/token": a value of the limit's quantity with its unit.
[[nodiscard]] std::string value_text(const Limit& limit, double value);
// "Worry below 0.1: the policy has collapsed." for each row of the metric; "" where it has none.
[[nodiscard]] std::string worry_text(std::string_view metric);

// A row's history up to the newest version looked at.
struct LimitState {
  const Limit* limit = nullptr;
  double start = Limit::kNone;  // the first version's value
  double value = Limit::kNone;  // the newest; NaN: never measured
  double worst = Limit::kNone;  // the farthest beyond a bound; NaN: none was
  int64_t worst_version = 0;
  bool exceeded = false;
  bool ever = false;  // exceeded at any time
  int64_t since = 0;  // the first version of the stretch that made it so; 0: since the start
  // Versions in a row on the other side, and the first of them.
  int32_t streak = 0;
  int64_t streak_began = 0;
};

struct Crossing {
  LimitState state;  // after it; exceeded says into which side
  int64_t version = 0;
};

// "limit kl: KL to SL-CAI is -481 nats/response at policy version 3, outside -10 to 50: ...".
[[nodiscard]] std::string text(const Crossing& crossing);

// Looks at the rows with a `stat`, one policy version after the other. A value that is not a number
// (missing, or taken from nothing) neither fires nor ends anything. Used by one thread.
class LimitWatch {
 public:
  LimitWatch();
  // number: the version's statistic of that key, NaN where there is none. Returns the rows whose
  // side changed: one Crossing a change, however many versions it lasts. A version that is not
  // newer than the last one (a message that came twice) is passed over.
  std::vector<Crossing> look(int64_t version,
                             const std::function<double(std::string_view stat)>& number);
  [[nodiscard]] std::span<const LimitState> states() const { return states_; }

 private:
  std::vector<LimitState> states_;
  int64_t newest_ = 0;
};

// The group "charter-limits" of the alert rules, as YAML under `groups:`.
[[nodiscard]] std::string alert_rules();

}  // namespace charter::metrics
