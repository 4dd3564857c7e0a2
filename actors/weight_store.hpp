// Knows the newest snapshots of each model, announces new ones and answers requests. The bytes lie
// in files of this host; the newest `keep` of each model stay, older ones are unlinked. It touches
// no other file than those of its places that are named as snapshots are: an announcement that
// cannot be (actors/publish.hpp) or whose file is not there is refused.
#pragma once
#include <deque>
#include <filesystem>
#include <map>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/ports.hpp"
#include "actors/publish.hpp"
#include "metrics/metrics.hpp"

namespace charter::actors {

struct WeightStoreState {
  static constexpr const char* name = "weight_store";
  Ports ports;
  transport::LinkId link = 0;
  std::map<std::string, std::deque<WeightsReady>> newest;  // by model, newest last
  SnapshotPlaces places;
  int64_t lineage = 0;
  int64_t progress = 0;
  std::string notice;  // set by the first snapshot that shared memory had no room for
};

WeightStoreActor::behavior_type weight_store(
    WeightStoreActor::stateful_pointer<WeightStoreState> self, Wiring wiring, SnapshotPlaces places,
    size_t keep, std::map<std::string, metrics::WeightStoreMetrics> metrics);

}  // namespace charter::actors
