#include "actors/arrows.hpp"

#include <array>
#include <stdexcept>

#include "actors/wire.hpp"

namespace charter::actors {
namespace {

constexpr std::array kRoles{Role::kPromptSource, Role::kLedger,     Role::kReplayBuffer,
                            Role::kWeightStore,  Role::kSupervisor, Role::kRollout,
                            Role::kFeedback,     Role::kReward,     Role::kPmTrainer,
                            Role::kPpoLearner,   Role::kNode};

template <class... Roles>
constexpr uint16_t set(Roles... roles) {
  return static_cast<uint16_t>(((1 << static_cast<int>(roles)) | ...));
}

constexpr uint16_t kSource = set(Role::kPromptSource), kLedger = set(Role::kLedger),
                   kReplay = set(Role::kReplayBuffer), kStore = set(Role::kWeightStore),
                   kSupervisor = set(Role::kSupervisor), kNodes = set(Role::kNode),
                   kRollouts = set(Role::kRollout), kFeedbacks = set(Role::kFeedback),
                   kRewards = set(Role::kReward), kPmTrainer = set(Role::kPmTrainer),
                   kLearner = set(Role::kPpoLearner), kTrainers = kPmTrainer | kLearner,
                   kWorkers = kRollouts | kFeedbacks | kRewards | kTrainers;
constexpr auto kData = Passage::kData, kSaid = Passage::kAnnouncement;

template <class Message>
constexpr Saying row(Arrow arrow, Passage how, const char* what, uint16_t from, uint16_t to) {
  return {
      .arrow = arrow, .how = how, .type = kWireType<Message>, .what = what, .from = from, .to = to};
}

constexpr std::array kSayings{
    row<WorkItem>(Arrow::kWork, kData, "WorkItem", kSource, kWorkers),
    row<WorkDrained>(Arrow::kWork, kSaid, "WorkDrained", kSource, kWorkers),
    row<WorkRequest>(Arrow::kWork, kSaid, "WorkRequest", kWorkers, kSource),
    row<Renewal>(Arrow::kWork, kSaid, "Renewal", kWorkers, kSource),

    row<Record>(Arrow::kRecord, kData, "Record", kRollouts | kFeedbacks | kRewards, kLedger),
    row<Quarantine>(Arrow::kRecord, kData, "Quarantine", kWorkers | kReplay | kSource, kLedger),
    row<Trained>(Arrow::kRecord, kData, "Trained", kTrainers, kLedger),
    row<Returned>(Arrow::kRecord, kData, "Returned", kReplay, kLedger),
    row<Committed>(Arrow::kRecord, kData, "Committed", kLedger, kSource),

    row<rl::Trajectory>(Arrow::kTrajectory, kData, "Trajectory", kRollouts, kRewards),
    row<Pair>(Arrow::kPair, kData, "Pair", kRollouts, kFeedbacks),
    row<Preference>(Arrow::kPreference, kData, "Preference", kFeedbacks, kPmTrainer),
    row<rl::ScoredTrajectory>(Arrow::kScored, kData, "ScoredTrajectory", kRewards, kReplay),
    row<Batch>(Arrow::kBatch, kData, "Batch", kReplay, kLearner),

    // Announced to every peer, also to the trainer that published it.
    row<WeightsReady>(Arrow::kWeights, kData, "WeightsReady", kTrainers, kStore),
    row<WeightsReady>(Arrow::kWeights, kSaid, "WeightsReady", kStore,
                      kRollouts | kRewards | kTrainers),
    row<WeightsRequest>(Arrow::kWeights, kSaid, "WeightsRequest", kRollouts | kRewards, kStore),

    row<Heartbeat>(Arrow::kControl, kSaid, "Heartbeat", kNodes, kSupervisor),
    row<Finished>(Arrow::kControl, kSaid, "Finished", kNodes, kSupervisor),
    row<Fault>(Arrow::kControl, kSaid, "Fault", kNodes, kSupervisor),
    row<Assignment>(Arrow::kControl, kSaid, "Assignment", kSupervisor, kNodes),
    row<Finish>(Arrow::kControl, kSaid, "Finish", kSupervisor, kNodes),
};

}  // namespace

const char* name(Arrow arrow) {
  switch (arrow) {
    case Arrow::kWork:
      return "work";
    case Arrow::kRecord:
      return "record";
    case Arrow::kTrajectory:
      return "trajectory";
    case Arrow::kPair:
      return "pair";
    case Arrow::kPreference:
      return "preference";
    case Arrow::kScored:
      return "scored";
    case Arrow::kBatch:
      return "batch";
    case Arrow::kWeights:
      return "weights";
    case Arrow::kControl:
      return "control";
  }
  throw std::logic_error("arrow out of range");
}

const char* name(Role role) {
  switch (role) {
    case Role::kPromptSource:
      return "prompt_source";
    case Role::kLedger:
      return "ledger";
    case Role::kReplayBuffer:
      return "replay_buffer";
    case Role::kWeightStore:
      return "weight_store";
    case Role::kSupervisor:
      return "supervisor";
    case Role::kRollout:
      return "rollout";
    case Role::kFeedback:
      return "feedback";
    case Role::kReward:
      return "reward";
    case Role::kPmTrainer:
      return "pm_trainer";
    case Role::kPpoLearner:
      return "ppo_learner";
    case Role::kNode:
      return "node";
  }
  throw std::logic_error("role out of range");
}

std::optional<Role> role_of(std::string_view said) {
  const auto kind = transport::role_kind(said);
  for (const Role role : kRoles)
    if (kind == name(role)) return role;
  return std::nullopt;
}

int32_t RoleCounts::of(Role role) const {
  switch (role) {
    case Role::kRollout:
      return rollout;
    case Role::kFeedback:
      return feedback;
    case Role::kReward:
      return reward;
    case Role::kNode:  // at most a process a worker, two of them trainers
      return rollout + feedback + reward + 2;
    case Role::kPromptSource:
    case Role::kLedger:
    case Role::kReplayBuffer:
    case Role::kWeightStore:
    case Role::kSupervisor:
    case Role::kPmTrainer:
    case Role::kPpoLearner:
      return 1;
  }
  throw std::logic_error("role out of range");
}

std::span<const Saying> sayings() { return kSayings; }

bool may_say(Arrow arrow, Passage how, uint16_t type, Role from, Role to) {
  for (const auto& row : kSayings)
    if (row.arrow == arrow && row.how == how && row.type == type && (row.from & set(from)) != 0 &&
        (row.to & set(to)) != 0)
      return true;
  return false;
}

bool shares_tokens(Arrow arrow) {
  return arrow == Arrow::kTrajectory || arrow == Arrow::kScored || arrow == Arrow::kBatch;
}

std::vector<transport::AcceptedRole> accepted(Arrow arrow, Role here, const RoleCounts& counts) {
  uint16_t peers = 0;
  for (const auto& row : kSayings) {
    if (row.arrow != arrow) continue;
    if ((row.to & set(here)) != 0) peers |= row.from;
    if ((row.from & set(here)) != 0) peers |= row.to;
  }
  std::vector<transport::AcceptedRole> result;
  for (const Role role : kRoles)
    if ((peers & set(role)) != 0) result.push_back({name(role), counts.of(role)});
  return result;
}

}  // namespace charter::actors
