#include "rl/staleness.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace charter::rl {
namespace {

void check_at_most(const char* name, int64_t got, int64_t most) {
  if (got >= 0 && got <= most) return;
  throw std::invalid_argument(std::string(name) + ": " + std::to_string(got) + ", expected 0.." +
                              std::to_string(most));
}

}  // namespace

const char* name(Admission admission) {
  switch (admission) {
    case Admission::kAdmit:
      return "admit";
    case Admission::kWait:
      return "wait";
    case Admission::kStale:
      return "stale";
    case Admission::kFuture:
      return "future";
    case Admission::kOtherLineage:
      return "other_lineage";
  }
  return "unknown";
}

Admission admit(int64_t lineage, int64_t version, int64_t current_lineage, int64_t current_version,
                int64_t max_staleness) {
  if (lineage != current_lineage) return Admission::kOtherLineage;
  if (version > current_version) return Admission::kFuture;
  return current_version - version > max_staleness ? Admission::kStale : Admission::kAdmit;
}

StalenessGate::StalenessGate(StalenessOptions options) : options_(options) {
  if (options.batch_size < 1) {
    throw std::invalid_argument("batch_size: " + std::to_string(options.batch_size) +
                                ", expected >= 1");
  }
  if (options.max_staleness < 0) {
    throw std::invalid_argument("max_staleness: " + std::to_string(options.max_staleness) +
                                ", expected >= 0");
  }
}

int64_t StalenessGate::capacity() const {
  return (options_.max_staleness + version_ + 1) * options_.batch_size -
         (in_flight_ + buffered_ + consumed_);
}

int64_t StalenessGate::oldest_version() const {
  const int64_t trained_from = (in_flight_ + buffered_ + consumed_) / options_.batch_size;
  return std::max<int64_t>(0, trained_from - options_.max_staleness);
}

Admission StalenessGate::reserve() {
  if (capacity() <= 0) return Admission::kWait;
  ++in_flight_;
  return Admission::kAdmit;
}

void StalenessGate::commit() {
  check_at_most("commit", 1, in_flight_);
  --in_flight_;
  ++buffered_;
}

void StalenessGate::rollback() {
  check_at_most("rollback", 1, in_flight_);
  --in_flight_;
}

void StalenessGate::drop(int64_t n) {
  check_at_most("drop", n, buffered_);
  buffered_ -= n;
}

void StalenessGate::consume(int64_t taken, int64_t released) {
  check_at_most("released", released, buffered_);
  check_at_most("taken", taken, options_.batch_size);
  buffered_ -= released;
  consumed_ += taken;
  ++version_;
}

void StalenessGate::restore(int64_t version, int64_t in_flight, int64_t buffered) {
  if (version < 0 || in_flight < 0 || buffered < 0) {
    throw std::invalid_argument("restore: version, in_flight and buffered: expected >= 0");
  }
  version_ = version;
  consumed_ = version * options_.batch_size;
  in_flight_ = in_flight;
  buffered_ = buffered;
}

}  // namespace charter::rl
