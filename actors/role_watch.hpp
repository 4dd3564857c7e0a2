// Notices a role that hangs inside a living process: every role is probed, the next time only after
// it answered, and one that leaves a probe unanswered for too long is overdue. A pure value with
// explicit time; used by the node for the roles of its process and by the supervisor for the
// control roles.
//
// What counts is time in which this process ran: a process that was stopped and goes on does not
// find its roles overdue.
#pragma once
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "actors/interfaces.hpp"
#include "config/run_config.hpp"

namespace charter::actors {

// machine.step_seconds, or, where that is 0, time enough for the longest slice of work of the run's
// largest model: one micro-batch of a full context, forward and backward, on a machine several
// times slower than any we know; 300 s at least. weights: the run's folder of models.
[[nodiscard]] std::chrono::duration<double> step_deadline(const config::RunConfig& config,
                                                          const std::filesystem::path& weights);

// How long a lease runs without a renewal: machine.lease_seconds, and not less than half of
// step_deadline, since a worker renews between two slices of its work.
[[nodiscard]] std::chrono::duration<double> lease_duration(const config::RunConfig& config,
                                                           const std::filesystem::path& weights);

class RoleWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit RoleWatch(std::chrono::duration<double> deadline = std::chrono::seconds(300))
      : deadline_(deadline) {}

  void add(const std::string& role);
  void forget(const std::string& role) { roles_.erase(role); }
  // Lets time pass. Called before `ask` and `overdue`, several times within a deadline.
  void advance(Time now);
  // True when the role is to be probed: it has answered the last probe.
  [[nodiscard]] bool ask(const std::string& role);
  void answered(const std::string& role, RoleReport report);
  // What the role said of itself without being asked: what is known of it, and no answer.
  void heard(const std::string& role, RoleReport report);

  // "rollout/0 has not answered for 300 s; last progress 17 (busy)", of the role that has been
  // silent longest, or nothing.
  struct Overdue {
    std::string role, text;
  };
  [[nodiscard]] std::optional<Overdue> overdue() const;

  // The last report of each role, "starting" before its first.
  [[nodiscard]] std::map<std::string, RoleReport> reports() const;

 private:
  struct Role {
    RoleReport last;
    bool asked = false;
    std::chrono::duration<double> silent{0};  // since the open probe
  };
  std::chrono::duration<double> deadline_;
  std::map<std::string, Role> roles_;
  std::optional<Time> now_;
};

}  // namespace charter::actors
