#include "actors/phase_watch.hpp"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "actors/fault_handler.hpp"

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;
using State = PhaseStatus::State;
constexpr std::chrono::milliseconds kInterval{100};
constexpr std::chrono::seconds kAnswer{60};  // of the supervisor, whose handlers are short
constexpr std::chrono::seconds kEnd{10};     // of the supervisor and all that it started

class PhaseWatch {
 public:
  PhaseWatch(Run& run, SupervisorOptions options)
      : run_(run),
        self_(run.system),
        supervisor_(run.system.spawn<caf::detached>(supervisor, std::move(options))) {
    self_->monitor(supervisor_);
  }

  // Shows what the supervisor says until its phase has ended.
  PhaseStatus follow(const Phase& phase, Clock::time_point started) {
    PhaseStatus status;
    while (status.state == State::kRunning) {
      std::this_thread::sleep_for(kInterval);
      if (run_.stopping() && !std::exchange(told_, true)) self_->send(supervisor_, StopPhase{});
      ask(status);
      for (; events_seen_ < status.events.size(); ++events_seen_)
        run_.tell(status.events[events_seen_]);
      run_.peak_pss = std::max(run_.peak_pss, status.pss_bytes);
      const std::chrono::duration<double> elapsed = Clock::now() - started;
      run_.show([&] { run_.view.progress(phase, status, elapsed.count()); });
    }
    return status;
  }

  // Its ends of the links are closed when it has ended: the next phase may bind them. False when it
  // has not in time.
  bool end() {
    if (!ended_) self_->send_exit(supervisor_, caf::exit_reason::user_shutdown);
    supervisor_ = nullptr;
    return ended_ || await_down(kEnd).has_value();
  }

 private:
  void ask(PhaseStatus& status) {
    self_->request(supervisor_, kAnswer, StatusRequest{})
        .receive([&](PhaseStatus& now) { status = std::move(now); },
                 [&](caf::error& error) { lose(status, error); });
  }
  // It did not answer. A request's error does not say what the supervisor died of; its down message
  // does.
  void lose(PhaseStatus& status, const caf::error& error) {
    status.state = State::kFailed;
    const auto reason =
        error == caf::sec::request_timeout ? std::nullopt : await_down(std::chrono::seconds(1));
    ended_ = reason.has_value();
    status.hung = !ended_;
    status.reason = ended_ ? "the supervisor died: " + fault_text(run_.system, *reason)
                           : "the supervisor does not answer";
  }
  std::optional<caf::error> await_down(std::chrono::seconds deadline) {
    std::optional<caf::error> reason;
    self_->receive([&](const caf::down_msg& down) { reason = down.reason; },
                   caf::after(deadline) >> [] {});
    return reason;
  }

  Run& run_;
  caf::scoped_actor self_;
  SupervisorActor supervisor_;
  size_t events_seen_ = 0;
  bool told_ = false;   // that the run is to stop
  bool ended_ = false;  // its down message has come
};

}  // namespace

PhaseStatus watch_phase(Run& run, const Phase& phase, SupervisorOptions options,
                        Clock::time_point started) {
  PhaseWatch watch(run, std::move(options));
  PhaseStatus status;
  try {
    status = watch.follow(phase, started);
  } catch (...) {
    (void)watch.end();
    throw;
  }
  if (!status.hung && !watch.end()) {
    status.hung = true;
    status.reason += (status.reason.empty() ? "" : "; ") + std::string("its actors do not end");
  }
  return status;
}

}  // namespace charter::actors
