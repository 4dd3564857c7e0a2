// One phase from beginning to end: makes the control actors and the processes of the phase,
// restarts what dies within a budget, ends all of it when the work is done. Runs detached, on the
// thread that owns the child processes.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/display_edge.hpp"
#include "actors/ledger_actor.hpp"
#include "actors/node.hpp"
#include "actors/prompt_source.hpp"
#include "actors/replay_actor.hpp"
#include "actors/restart_budget.hpp"
#include "actors/role_watch.hpp"
#include "metrics/exposer.hpp"

namespace charter::actors {

struct SupervisorOptions {
  NodeContext context;  // wiring, paths, configuration
  Phase phase;
  int64_t items = 0;  // of work the phase has, settled or not
  std::shared_ptr<store::Ledger> ledger;
  PromptSourceOptions source;
  ReplayActorOptions replay;
  std::string binary;           // exec'd for workers; "" in single placement
  std::string metrics_address;  // of this process
  std::chrono::duration<double> drain_deadline{120};
  std::chrono::duration<double> start_deadline{
      120};  // loading and packing the models, before the first heartbeat
  std::chrono::duration<double> step_deadline{300};  // of one answer of a control actor
};

using SupervisorActor =
    caf::typed_actor<caf::reacts_to<LinkEvent>, caf::reacts_to<Tick>, caf::reacts_to<StopPhase>,
                     caf::replies_to<StatusRequest>::with<PhaseStatus>,
                     caf::reacts_to<From<Heartbeat>>, caf::reacts_to<From<Finished>>,
                     caf::reacts_to<From<Fault>>>;

struct SupervisorState {
  static constexpr const char* name = "supervisor";
  // Nothing it started outlives it, whatever it died of.
  ~SupervisorState();
  using Time = std::chrono::steady_clock::time_point;
  struct Node {
    NodePlan plan;
    pid_t pid = 0;  // 0: in this process
    NodeActor local;
    bool alive = false, finished = false;
    bool hung = false;  // killed because its heartbeats stopped
    Time seen{};
    std::optional<Time> kill_at;   // it reported a fault and should end by itself before
    std::optional<Time> start_at;  // it ended, and is made again then
    int64_t progress = -1, pss = 0;
    std::string metrics_address, fault;
    std::uintmax_t log_began = 0;  // bytes that earlier processes wrote to its log
    RestartBudget budget;
    // It has its roles: before, it has nothing to finish.
    [[nodiscard]] bool joined() const { return progress >= 0; }
  };
  SupervisorOptions options;
  Ports ports;
  transport::LinkId control = 0;
  std::map<std::string, Node> nodes;
  std::map<std::string, AnyRole>
      control_roles;  // ledger, prompt_source, replay_buffer, weight_store
  RoleWatch watch;    // of the control roles
  Time looked{};      // at the nodes
  PromptSourceActor source;
  std::map<std::string, Peer> peers;       // node name -> its session
  std::map<Peer, std::string> node_names;  // session -> the name in its hello
  size_t refusals_told = 0;                // of processes; the rest is counted by the links
  PhaseStatus status;
  PhaseStatus::State ending = PhaseStatus::State::kRunning;  // what the end will be called
  bool finishing = false, closing = false;
  Time finish_deadline{}, pss_read{};
  int64_t own_pss = 0;
  std::vector<metrics::ScrapeTarget> targets;
  DisplayEdge display;  // of the list of targets
};

SupervisorActor::behavior_type supervisor(SupervisorActor::stateful_pointer<SupervisorState> self,
                                          SupervisorOptions options);

}  // namespace charter::actors
