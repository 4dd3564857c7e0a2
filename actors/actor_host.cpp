#include "actors/actor_host.hpp"

#include <cstdlib>
#include <iostream>
#include <thread>

namespace charter::actors {
namespace {

using Clock = std::chrono::steady_clock;

void tell_on_standard_error(const std::string& line) {
  std::cerr << "charter: " + line + "\n" << std::flush;
}

}  // namespace

ActorHost::ActorHost(std::shared_ptr<Roster> roster,
                     std::weak_ptr<const transport::Transport> transport, HostOptions options)
    : roster_(std::move(roster)), transport_(std::move(transport)), options_(std::move(options)) {
  if (!options_.tell) options_.tell = tell_on_standard_error;
  if (!options_.give_up) options_.give_up = [] { std::_Exit(1); };
  config_.add_message_types<caf::id_block::charter>();
  system_.emplace(config_);
}

ActorHost::~ActorHost() {
  roster_->end_all();
  std::thread watch([this] { watch_end(); });
  system_.reset();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  watch.join();
}

void ActorHost::watch_end() {
  const auto began = Clock::now();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, options_.patience, [this] { return ended_; })) {
    const std::chrono::duration<double> waited = Clock::now() - began;
    const auto transport = transport_.lock();
    options_.tell("the actors have not ended after " +
                  std::to_string(static_cast<int64_t>(waited.count())) +
                  " s: " + roster_->who(transport.get()));
    if (waited < options_.deadline) continue;
    options_.give_up();
    return;
  }
}

}  // namespace charter::actors
