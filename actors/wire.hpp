// Which message has which number on the wire, and the hash that the handshake compares.
#pragma once
#include <cstdint>
#include <type_traits>

#include "actors/messages.hpp"
#include "actors/transport/codec.hpp"

namespace charter::actors {

template <class... Ts>
struct TypeList {
  // 1 for the first. A type that is not in the list does not compile.
  template <class T>
  static constexpr uint16_t number() {
    static_assert((std::is_same_v<T, Ts> || ...), "not a wire message");
    uint16_t n = 0, at = 0;
    ((++n, std::is_same_v<T, Ts> ? void(at = n) : void()), ...);
    return at;
  }
  static uint64_t schema_hash() { return transport::schema_hash<Ts...>(); }
};

using WireTypes =
    TypeList<WorkItem, WorkRequest, WorkDrained, Renewal, Record, Quarantine, Trained, Returned,
             Committed, Pair, Preference, Batch, rl::Trajectory, rl::ScoredTrajectory, WeightsReady,
             WeightsRequest, Heartbeat, Assignment, Finish, Finished, Fault>;

template <class T>
inline constexpr uint16_t kWireType = WireTypes::number<T>();

}  // namespace charter::actors
