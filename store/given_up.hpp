// What of a phase's work was given up (quarantined), and why most of it.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "store/ledger.hpp"

namespace charter::store {

struct GivenUp {
  int64_t count = 0, total = 0;  // of the items
  std::string reason;            // the commonest, as the first item of it has it
  int64_t of_reason = 0;         // items given up for it; reasons that differ in numbers are one
  [[nodiscard]] bool all() const { return count > 0 && count == total; }
};

[[nodiscard]] GivenUp given_up(const Ledger& ledger, const std::string& phase);
// Of these kinds alone; the reason is of the whole phase.
[[nodiscard]] GivenUp given_up(const Ledger& ledger, const std::string& phase,
                               const std::set<std::string>& kinds);

// "3 of 48 work items were given up (6.2 %), most often (2): the reason"; "" for none.
[[nodiscard]] std::string text(const GivenUp& given_up);

}  // namespace charter::store
