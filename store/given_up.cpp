#include "store/given_up.hpp"

#include <cstdio>
#include <map>

namespace charter::store {
namespace {

// The reason without its numbers: lengths and ids differ from item to item, their cause does not.
std::string cause(const std::string& reason) {
  std::string text;
  for (const char c : reason)
    if (c < '0' || c > '9') text += c;
  return text;
}

void find_commonest(const Ledger& ledger, const std::string& phase, GivenUp& result) {
  struct Cause {
    std::string first;
    int64_t count = 0;
  };
  std::map<std::string, Cause> causes;
  for (const auto& [reason, count] : ledger.quarantine_reasons(phase)) {
    auto& found = causes[cause(reason)];
    if (found.count == 0) found.first = reason;
    found.count += count;
    if (found.count > result.of_reason) {
      result.of_reason = found.count;
      result.reason = found.first;
    }
  }
}

void add(const StateCounts& counts, GivenUp& result) {
  result.count += counts.quarantined;
  result.total += counts.total();
}

}  // namespace

GivenUp given_up(const Ledger& ledger, const std::string& phase) {
  GivenUp result;
  add(ledger.count_by_state(phase), result);
  if (result.count > 0) find_commonest(ledger, phase, result);
  return result;
}

GivenUp given_up(const Ledger& ledger, const std::string& phase,
                 const std::set<std::string>& kinds) {
  GivenUp result;
  for (const auto& kind : kinds) add(ledger.count_by_state(phase, kind), result);
  if (result.count > 0) find_commonest(ledger, phase, result);
  return result;
}

std::string text(const GivenUp& given_up) {
  if (given_up.count == 0) return "";
  char share[32];
  std::snprintf(share, sizeof(share), "%.3g %%",
                100 * static_cast<double>(given_up.count) / static_cast<double>(given_up.total));
  return std::to_string(given_up.count) + " of " + std::to_string(given_up.total) +
         " work items were given up (" + share + "), most often (" +
         std::to_string(given_up.of_reason) + "): " + given_up.reason;
}

}  // namespace charter::store
