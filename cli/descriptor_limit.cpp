#include "cli/descriptor_limit.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace charter::cli {
namespace {

// A link has two sockets with a wake-up each. Where it is joined they have a connection each, and
// so they have where it is served, which may be the same process.
constexpr int64_t kJoined = 6;
// Where it is served each socket also has a listener, two ends of a monitor, and 16 connections
// that are not proven yet (actors/transport/zmq_port.cpp).
constexpr int64_t kServed = 2 * (1 + 1 + 2 + 16);
constexpr int64_t kElse = 128;   // models, ledger, logs, metrics server, threads' own
constexpr int64_t kFlood = 256;  // connections that libzmq takes before they can be cut off

}  // namespace

int64_t descriptors_needed(const config::RunConfig& config) {
  const int64_t rollouts = config.actors.rollout, judges = config.actors.feedback,
                rewards = config.actors.reward, trainers = 2;
  const int64_t workers = rollouts + judges + rewards + trainers;
  const bool alone = config.machine.placement == "process-per-worker";
  const auto between = [alone](int64_t a, int64_t b) { return alone ? std::max(a, b) : a * b; };
  const int64_t joined = workers + (workers + 2)                                   // work, record
                         + between(rollouts, rewards) + between(rollouts, judges)  // and pairs
                         + judges + rewards + 1                        // preference, scored, batch
                         + (rollouts + rewards + trainers) + workers;  // weights, control
  const int64_t served = 6 + (alone ? 1 : rewards + judges + 1);
  return kJoined * joined + kServed * served + kElse + kFlood;
}

void require_descriptors(int64_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw std::runtime_error(std::string("open files: ") + std::strerror(errno));
  if (limit.rlim_max < static_cast<rlim_t>(needed))
    throw std::runtime_error("open files: at most " + std::to_string(limit.rlim_max) +
                             " are allowed (ulimit -Hn), expected " + std::to_string(needed) +
                             " for this configuration");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw std::runtime_error(std::string("open files: cannot raise the limit: ") +
                             std::strerror(errno));
}

}  // namespace charter::cli
