// The stages as tables: which work each phase gives out, which actors take it, from which weights,
// and what must be committed for it to be done. A stage is one phase or two; every phase spawns its
// actors, runs until it is done, and ends them.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/arrows.hpp"
#include "config/run_config.hpp"

namespace charter::actors {

struct Phase {
  std::string name, stage;
  std::vector<std::string> rollout_kinds;   // empty: no rollout actors
  std::vector<std::string> feedback_kinds;  // work feedback actors lease themselves
  std::vector<std::string> reward_kinds;
  std::vector<std::string> pm_kinds;
  bool feedback_serves_pairs = false;
  bool reward_serves_trajectories = false;
  bool learner = false;
  bool pm_trainer = false;
  bool replay = false;             // with the weight store
  std::set<std::string> required;  // kinds that must be settled
  std::set<std::string>
      settled_by_training;        // kinds that a training settles; a record settles the others
  std::string rollout_weights;    // weights rollout actors start from
  std::string reference_weights;  // of reward actors
  std::string
      trained_model;     // ledger's name of the model whose checkpoint decides the restore; "" none
  std::string progress;  // what is counted, for the progress line
  std::string result;    // under weights/, made of trained_model; "" none
  // No later stage trains on what comes of it: when all of its work is given up the run goes on,
  // and its stage says so. Any other phase ends the run then.
  bool optional = false;
};

// In the order they run. online: the PM goes on learning in the rl phase.
[[nodiscard]] std::vector<Phase> phases(const config::RunConfig& config);
[[nodiscard]] Phase find_phase(const config::RunConfig& config, const std::string& name);

// How many peers of each role a link lets in.
[[nodiscard]] RoleCounts role_counts(const config::RunConfig& config);

// Stage names in order: sl_generate ... report.
[[nodiscard]] const std::vector<std::string>& stage_names();

// Roles of a phase by process: {"engine", {"rollout/0", "feedback/0"}} and so on, as placement
// says.
struct NodePlan {
  std::string name;
  std::vector<std::string> roles;
  bool trains = false;  // its death restores the phase from the checkpoint
};
[[nodiscard]] std::vector<NodePlan> node_plans(const config::RunConfig& config, const Phase& phase);

// Threads of one compute actor of this role: the machine's slots shared by the roles that compute
// at the same time.
[[nodiscard]] int32_t threads_of(const config::RunConfig& config, const Phase& phase,
                                 const std::string& role);

}  // namespace charter::actors
