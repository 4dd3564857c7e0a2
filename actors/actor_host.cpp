#include "actors/actor_host.hpp"

#include <algorithm>
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
  constexpr std::chrono::duration<double> kLook{0.1};  // between two questions for hurry
  const auto began = Clock::now();
  auto told = began;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::min(options_.patience, kLook), [this] { return ended_; })) {
    roster_->end_all();  // again: one may have come since
    const auto now = Clock::now();
    const bool hurry = options_.hurry && options_.hurry();
    if (!hurry && now - told < options_.patience) continue;
    told = now;
    const std::chrono::duration<double> waited = now - began;
    const auto transport = transport_.lock();
    options_.tell("the actors have not ended after " +
                  std::to_string(static_cast<int64_t>(waited.count())) +
                  " s: " + roster_->who(transport.get()));
    if (!hurry && waited < options_.deadline) continue;
    options_.give_up();
    return;
  }
}

}  // namespace charter::actors
