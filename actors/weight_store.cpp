#include "actors/weight_store.hpp"

#include <algorithm>

#include "actors/fault_handler.hpp"
#include "actors/publish.hpp"

namespace charter::actors {
namespace {

void remove(const WeightStoreState& state, const WeightsReady& version) {
  std::error_code ignored;  // a file that is gone already is as good as removed
  std::filesystem::remove(state.places.path(version), ignored);
}

bool is_new(const WeightStoreState& state, const WeightsReady& version) {
  const auto known = state.newest.find(version.model);
  return known == state.newest.end() || version.version > known->second.back().version;
}

bool is_there(const WeightStoreState& state, const WeightsReady& version) {
  std::error_code error;
  const auto size = std::filesystem::file_size(state.places.path(version), error);
  return !error && size == static_cast<uintmax_t>(version.bytes);
}

void publish(WeightStoreState& state, const WeightsReady& ready, size_t keep) {
  if (!is_new(state, ready)) {
    const auto& versions = state.newest[ready.model];
    // A redelivery of one that is kept, or a version already passed, which nobody will read.
    const bool kept = std::any_of(versions.begin(), versions.end(),
                                  [&](const auto& v) { return v.version == ready.version; });
    if (!kept) remove(state, ready);
    return;
  }
  auto& versions = state.newest[ready.model];
  versions.push_back(ready);
  while (versions.size() > keep) {
    remove(state, versions.front());
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
  state.places = std::move(places);
  state.lineage = wiring.hello.lineage;
  state.ports = Ports(std::move(wiring), "weight_store", 0);
  state.link = state.ports.bind<WeightsReady, WeightsRequest>(
      caf::actor_cast<WeightStoreActor>(self), Arrow::kWeights, 0, 8);
  state.ports.say(role_report(state));
  return {
      [](const LinkEvent&) {},
      [](Tick) {},
      [self](FinishRole) {
        for (auto& [model, versions] : self->state.newest)
          for (auto& version : versions) remove(self->state, version);
        self->quit();
      },
      [self](Probe) { return self->state.ports.say(role_report(self->state)); },
      [self, keep, metrics](const From<WeightsReady>& m) {
        auto& s = self->state;
        if (!defect(m.message, s.lineage).empty() ||
            (is_new(s, m.message) && !is_there(s, m.message)))
          return s.ports.refuse(m.from, m.sequence);
        ++s.progress;
        if (s.notice.empty() && m.message.spilled) s.notice = spill_notice(s.places);
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
