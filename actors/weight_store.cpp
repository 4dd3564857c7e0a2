#include "actors/weight_store.hpp"

#include <algorithm>
#include <filesystem>

#include "actors/fault_handler.hpp"

namespace charter::actors {
namespace {

// Later of two versions: a higher lineage first, then the number.
bool newer(const WeightsReady& a, const WeightsReady& b) {
  return std::pair(a.lineage, a.version) > std::pair(b.lineage, b.version);
}

void publish(WeightStoreState& state, const WeightsReady& ready, size_t keep) {
  auto& versions = state.newest[ready.model];
  if (!versions.empty() && !newer(ready, versions.back())) {
    // A redelivery of one that is kept, or a version already passed, which nobody will read.
    const bool kept = std::any_of(versions.begin(), versions.end(),
                                  [&](const auto& v) { return v.path == ready.path; });
    std::error_code ignored;
    if (!kept) std::filesystem::remove(ready.path, ignored);
    return;
  }
  versions.push_back(ready);
  while (versions.size() > keep) {
    std::error_code ignored;  // a file that is gone already is as good as removed
    std::filesystem::remove(versions.front().path, ignored);
    versions.pop_front();
  }
  state.ports.announce(Peer{state.link, transport::kAllPeers}, ready);
}

RoleReport role_report(const WeightStoreState& state) {
  std::string newest;
  for (const auto& [model, versions] : state.newest)
    newest += (newest.empty() ? "" : ", ") + model + " " + std::to_string(versions.back().version);
  return {.name = "weight_store/0",
          .progress = state.progress,
          .state = newest.empty() ? "nothing published" : newest,
          .notice = state.notice};
}

std::string spill_notice(const SnapshotPlaces& places) {
  return places.memory.string() + " has no room for a snapshot; what does not fit there lies in " +
         places.disk.string();
}

}  // namespace

WeightStoreActor::behavior_type weight_store(
    WeightStoreActor::stateful_pointer<WeightStoreState> self, Wiring wiring, SnapshotPlaces places,
    size_t keep, std::map<std::string, metrics::WeightStoreMetrics> metrics) {
  install_fault_handler(self);
  auto& state = self->state;
  state.ports = Ports(std::move(wiring), "weight_store", 0);
  state.link = state.ports.bind<WeightsReady, WeightsRequest>(
      caf::actor_cast<WeightStoreActor>(self), Arrow::kWeights, 0, 8);
  state.ports.say(role_report(state));
  return {
      [](const LinkEvent&) {},
      [](Tick) {},
      [self](FinishRole) {
        for (auto& [model, versions] : self->state.newest)
          for (auto& version : versions) {
            std::error_code ignored;
            std::filesystem::remove(version.path, ignored);
          }
        self->quit();
      },
      [self](Probe) { return self->state.ports.say(role_report(self->state)); },
      [self, places = std::move(places), keep, metrics](const From<WeightsReady>& m) {
        auto& s = self->state;
        ++s.progress;
        if (s.notice.empty() && places.spilled(m.message.path)) s.notice = spill_notice(places);
        publish(s, m.message, keep);
        if (auto it = metrics.find(m.message.model); it != metrics.end())
          it->second.bytes.Set(static_cast<double>(m.message.bytes));
        s.ports.say(role_report(s));
        s.ports.acknowledge(m.from, m.sequence);
      },
      [self](const From<WeightsRequest>& m) {
        auto& s = self->state;
        auto it = s.newest.find(m.message.model);
        if (it != s.newest.end() && it->second.back().version > m.message.newer_than)
          s.ports.announce(m.from, it->second.back());
        s.ports.acknowledge(m.from, m.sequence);
      },
  };
}

}  // namespace charter::actors
