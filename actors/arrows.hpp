// The arrows between roles, and who may say what on each: one table (docs/architecture.md). Links
// are opened by it, messages are let through by it, and the metrics take their names from it. What
// is not in it is refused and counted.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/transport/link.hpp"

namespace charter::actors {

// The end that serves an arrow binds; there is one address a server.
enum class Arrow : uint8_t {
  kWork,
  kRecord,
  kTrajectory,
  kPair,
  kPreference,
  kScored,
  kBatch,
  kWeights,
  kControl
};
[[nodiscard]] const char* name(Arrow arrow);

enum class Role : uint8_t {
  kPromptSource,
  kLedger,
  kReplayBuffer,
  kWeightStore,
  kSupervisor,
  kRollout,
  kFeedback,
  kReward,
  kPmTrainer,
  kPpoLearner,
  kNode
};
[[nodiscard]] const char* name(Role role);
// From what a hello says; a node's has its own name behind a colon ("node:engine").
[[nodiscard]] std::optional<Role> role_of(std::string_view said);

// How many of each role a run has. The configuration allows 64 of a kind.
struct RoleCounts {
  int32_t rollout = 64, feedback = 64, reward = 64;
  [[nodiscard]] int32_t of(Role role) const;
};

// kData: with credit, acknowledged, delivered once. kAnnouncement: neither.
enum class Passage : uint8_t { kData, kAnnouncement };

// One row: on this arrow each of `from` may say this message to each of `to`.
struct Saying {
  Arrow arrow;
  Passage how;
  uint16_t type;      // its number on the wire
  const char* what;   // its name
  uint16_t from, to;  // sets of roles, a bit each
};
[[nodiscard]] std::span<const Saying> sayings();

[[nodiscard]] bool may_say(Arrow arrow, Passage how, uint16_t type, Role from, Role to);

// Token ids of the policy travel on it: both ends must mean the same model and tokenizer.
[[nodiscard]] bool shares_tokens(Arrow arrow);

// Whom the end that `here` holds of an arrow lets in: who may say something to it there, or hear
// something from it.
[[nodiscard]] std::vector<transport::AcceptedRole> accepted(Arrow arrow, Role here,
                                                            const RoleCounts& counts);

}  // namespace charter::actors
