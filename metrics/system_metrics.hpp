// The metrics of the plumbing: links, queues, weight_store, ledger, checkpoints, supervisor.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <span>
#include <string>
#include <string_view>

#include "metrics/maker.hpp"

namespace charter::metrics {

// One end of a link. link names the arrow, such as "trajectory"; types are the message types it
// knows.
struct LinkMetrics {
  LabelledCounters sent;      // messages by type
  LabelledCounters received;  // messages by type
  prometheus::Counter& sent_bytes;
  prometheus::Counter& received_bytes;
  prometheus::Counter& decode_errors;
  prometheus::Counter& connections_refused;
  prometheus::Counter& retries;
  prometheus::Gauge& credits_available;

  static LinkMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                          std::string_view link, std::span<const std::string> types);
};

struct QueueMetrics {
  prometheus::Gauge& depth;
  prometheus::Gauge& capacity;
  prometheus::Gauge& oldest_age_seconds;

  static QueueMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                           std::string_view queue);
};

// Snapshots on their way: trainer, weight_store, and the actors that follow; model is policy or pm.
struct WeightPublishMetrics {
  prometheus::Histogram& seconds;  // of writing a snapshot where others read it

  static WeightPublishMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                                   std::string_view model);
};

struct WeightStoreMetrics {
  prometheus::Gauge& bytes;  // of the newest snapshot

  static WeightStoreMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                                 std::string_view model);
};

struct WeightApplyMetrics {
  prometheus::Histogram& seconds;
  prometheus::Gauge& version_lag;  // newest announced - the one in use
  prometheus::Counter& checksum_failures;

  static WeightApplyMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                                 std::string_view model);
};

struct LedgerMetrics {
  prometheus::Histogram& commit_seconds;
  prometheus::Counter& rows;
  prometheus::Counter& duplicates;  // records that a redelivery brought again

  static LedgerMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

struct CheckpointMetrics {
  prometheus::Histogram& duration_seconds;
  prometheus::Gauge& last_success_timestamp_seconds;  // Unix time
  prometheus::Counter& resumes;

  static CheckpointMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels);
};

// What the supervisor of a node counts about one role under it.
struct SupervisorMetrics {
  prometheus::Counter& restarts_exception;  // an actor died of an exception
  prometheus::Counter& restarts_exit;       // its process exited
  prometheus::Counter& restarts_signal;     // its process was killed
  prometheus::Counter& restarts_hang;       // its heartbeats stopped
  prometheus::Gauge& actors_alive;
  prometheus::Gauge& heartbeat_age_seconds;  // the oldest of the role

  static SupervisorMetrics make(prometheus::Registry& registry, const prometheus::Labels& labels,
                                std::string_view role);
};

}  // namespace charter::metrics
