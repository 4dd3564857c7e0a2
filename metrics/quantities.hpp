// Every number that the program shows, with its unit: one row each. Metrics' help texts, the
// progress line, status and the report take the unit from here; a test holds the dashboard's panels
// to it. Pure values, without Prometheus.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace charter::metrics {

enum class Unit : uint8_t {
  kNumber,  // pure: a count, a version, a loss that is no likelihood, a PM score
  kRatio,   // a share in [0, 1]
  kNats,
  kNatsPerToken,
  kNatsPerResponse,  // summed over a response's tokens, averaged over responses
  kNatsPerPair,
  kDeviations,
  kTokens,
  kVersions,
  kSeconds,
  kUnixSeconds,
  kBytes,
};

// As it stands behind a number: "nats/response"; "" for what needs none.
[[nodiscard]] std::string_view text(Unit unit);
// As Grafana spells it in a panel's field "unit".
[[nodiscard]] std::string_view grafana(Unit unit);

struct Quantity {
  std::string_view metric;  // without "charter_"; "" where none shows it
  std::string_view model;   // "policy", "sl", "pm": whose version's statistics hold it; "" none
  std::string_view stat;    // its key there
  Unit unit = Unit::kNumber;
};

[[nodiscard]] std::span<const Quantity> quantities();

// Of a metric, without "charter_". Throws std::invalid_argument for one without a row: no number is
// shown whose unit nobody has said.
[[nodiscard]] Unit unit_of_metric(std::string_view metric);
// Of a number in a version's statistics. model: as in the rows. Throws as above.
[[nodiscard]] Unit unit_of_stat(std::string_view model, std::string_view stat);

}  // namespace charter::metrics
