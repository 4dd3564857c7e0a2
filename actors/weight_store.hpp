// Knows the newest snapshots of each model, announces new ones and answers requests. The bytes lie
// in files of this host; the newest `keep` of each model stay, older ones are unlinked.
#pragma once
#include <deque>
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
  int64_t progress = 0;
  std::string notice;  // set by the first snapshot that shared memory had no room for
};

WeightStoreActor::behavior_type weight_store(
    WeightStoreActor::stateful_pointer<WeightStoreState> self, Wiring wiring, SnapshotPlaces places,
    size_t keep, std::map<std::string, metrics::WeightStoreMetrics> metrics);

}  // namespace charter::actors
