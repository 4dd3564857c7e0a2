// The limits as rules of Prometheus. Part of limits.
#include <cmath>
#include <sstream>

#include "metrics/limits.hpp"
#include "metrics/quantities.hpp"

namespace charter::metrics {
namespace {

std::string series(const Limit& limit) {
  std::string name = "charter_" + std::string(limit.metric);
  if (!limit.labels.empty()) name += "{" + std::string(limit.labels) + "}";
  return name;
}

// What the run looks at fires when the run says so, as long as the series is there, so that the
// rule gives its value. The other rows have bounds of their own only.
std::string expression(const Limit& limit) {
  std::ostringstream out;
  const std::string name = series(limit);
  if (!limit.stat.empty()) {
    out << name << " and on (run) charter_limit_exceeded{limit=\"" << limit.id << "\"} == 1";
    return out.str();
  }
  if (!std::isnan(limit.low)) out << name << " < " << limit.low;
  if (!std::isnan(limit.low) && !std::isnan(limit.high)) out << " or ";
  if (!std::isnan(limit.high)) out << name << " > " << limit.high;
  return out.str();
}

// In YAML's single quotes, in which only the quote itself is doubled.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string alert_rules() {
  std::ostringstream out;
  out << "  - name: charter-limits\n    rules:\n";
  for (const Limit& limit : limits()) {
    const Unit unit = unit_of_metric(limit.metric);
    const std::string shown = unit == Unit::kRatio     ? "{{ $value | humanizePercentage }}"
                              : unit == Unit::kSeconds ? "{{ $value | humanizeDuration }}"
                              : text(unit).empty()
                                  ? "{{ $value | humanize }}"
                                  : "{{ $value | humanize }} " + std::string(text(unit));
    out << "      - alert: " << limit.alert << "\n        expr: " << quoted(expression(limit))
        << "\n";
    if (!limit.lasting.empty()) out << "        for: " << limit.lasting << "\n";
    out << "        labels: {severity: " << limit.severity << "}\n        annotations:\n"
        << "          summary: "
        << quoted("{{ $labels.run }}, {{ $labels." + std::string(limit.whose) +
                  " }}: " + std::string(limit.name) + " is " + shown + ", " + bounds_text(limit) +
                  ": " + std::string(limit.means))
        << "\n          action: " << quoted(std::string(limit.action)) << "\n";
  }
  return out.str();
}

}  // namespace charter::metrics
