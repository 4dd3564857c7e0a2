// The actor system of a process, with an end that is never waited for in silence.
//
// An actor system ends when every actor has quit and nothing holds one any more. Whoever is still
// at work when the host goes (an exception ends its scope) is told to end; then it is said from
// time to time who is waited for, and after a deadline the process ends without them: what is worth
// keeping is in the ledger, in checkpoints and with other processes.
#pragma once
#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/roster.hpp"

namespace charter::actors {

struct HostOptions {
  std::chrono::duration<double> patience{10};    // of the end: before the first line and the next
  std::chrono::duration<double> deadline{60};    // of the end: then give_up
  std::function<void(const std::string&)> tell;  // one line; none: to standard error
  std::function<bool()> hurry;                   // asked often during the end: give up now
  std::function<void()> give_up;                 // none: the process ends with code 1
};

class ActorHost {
 public:
  // roster: of the process's actors. transport: of their links; it may go before or after the host.
  ActorHost(std::shared_ptr<Roster> roster, std::weak_ptr<const transport::Transport> transport,
            HostOptions options = {});
  ~ActorHost();
  ActorHost(const ActorHost&) = delete;
  ActorHost& operator=(const ActorHost&) = delete;

  [[nodiscard]] caf::actor_system& system() { return *system_; }

 private:
  void watch_end();

  std::shared_ptr<Roster> roster_;
  std::weak_ptr<const transport::Transport> transport_;
  HostOptions options_;
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

}  // namespace charter::actors
