#include "metrics/system_metrics.hpp"

namespace charter::metrics {
namespace {

using Bounds = prometheus::Histogram::BucketBoundaries;

const Bounds kSeconds = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};

}  // namespace

LinkMetrics LinkMetrics::make(prometheus::Registry& registry, const prometheus::Labels& labels,
                              std::string_view link, std::span<const std::string> types) {
  Maker make(registry, labels);
  const std::string name(link);
  auto messages = [&](const char* dir) {
    return LabelledCounters(make, "msgs_total",
                            "Messages by link, type and direction. Worry if a link of a running "
                            "stage carries none for a minute.",
                            "type", types, {{"link", name}, {"dir", dir}});
  };
  auto bytes = [&](const char* dir) -> prometheus::Counter& {
    return make.counter("msg_bytes_total",
                        "Bytes by link and direction. Worry near the network's capacity.",
                        {{"link", name}, {"dir", dir}});
  };
  return {
      .sent = messages("sent"),
      .received = messages("received"),
      .sent_bytes = bytes("sent"),
      .received_bytes = bytes("received"),
      .decode_errors = make.counter("msg_decode_errors_total",
                                    "Messages refused: malformed, of another schema, run or "
                                    "lineage, or not their sender's to "
                                    "say. Worry if it rises.",
                                    {{"link", name}}),
      .connections_refused = make.counter(
          "connections_refused_total",
          "Connections cut off: without the run's key, or too many. Worry above 10 in ten minutes: "
          "somebody else connects to the run's sockets.",
          {{"link", name}}),
      .retries = make.counter(
          "retries_total",
          "Messages sent again for want of an acknowledgement. Worry above 1 % of messages.",
          {{"link", name}}),
      .credits_available = make.measured("credits_available",
                                         "Messages the consumer still grants. Worry if 0 for long: "
                                         "the consumer is the bottleneck.",
                                         {{"link", name}}),
  };
}

QueueMetrics QueueMetrics::make(prometheus::Registry& registry, const prometheus::Labels& labels,
                                std::string_view queue) {
  Maker make(registry, labels);
  const prometheus::Labels extra = {{"queue", std::string(queue)}};
  return {
      .depth =
          make.gauge("queue_depth", "Items waiting. Worry if it stays at its capacity.", extra),
      .capacity = make.gauge("queue_capacity", "Bound of a queue. Worry if it is 0.", extra),
      .oldest_age_seconds =
          make.gauge("queue_oldest_age_seconds", "Age of the oldest waiting item.", extra),
  };
}

WeightPublishMetrics WeightPublishMetrics::make(prometheus::Registry& registry,
                                                const prometheus::Labels& labels,
                                                std::string_view model) {
  Maker make(registry, labels);
  return {.seconds =
              make.histogram("weights_publish_seconds",
                             "Time to publish a snapshot. Worry if near the time between versions.",
                             kSeconds, {{"model", std::string(model)}})};
}

WeightStoreMetrics WeightStoreMetrics::make(prometheus::Registry& registry,
                                            const prometheus::Labels& labels,
                                            std::string_view model) {
  Maker make(registry, labels);
  return {.bytes =
              make.gauge("weights_bytes",
                         "Size of the newest snapshot. Worry if LoRA snapshots carry whole models.",
                         {{"model", std::string(model)}})};
}

WeightApplyMetrics WeightApplyMetrics::make(prometheus::Registry& registry,
                                            const prometheus::Labels& labels,
                                            std::string_view model) {
  Maker make(registry, labels);
  const prometheus::Labels extra = {{"model", std::string(model)}};
  return {
      .seconds = make.histogram(
          "weights_apply_seconds",
          "Time to verify, pack and swap in a snapshot. Worry above one decode step's second.",
          kSeconds, extra),
      .version_lag = make.gauge(
          "weights_version_lag",
          "Newest announced version minus the one in use. Worry if above 2 for a minute.", extra),
      .checksum_failures =
          make.counter("weights_checksum_failures_total",
                       "Snapshots refused for a wrong checksum. Worry if it rises at all.", extra),
  };
}

LedgerMetrics LedgerMetrics::make(prometheus::Registry& registry,
                                  const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .commit_seconds = make.histogram(
          "ledger_commit_seconds",
          "Time of a commit. Worry above 1: the disk is slow, and all acknowledgements wait on it.",
          kSeconds),
      .rows = make.counter("ledger_rows_total",
                           "Records committed. Worry if it stops while a stage runs."),
      .duplicates =
          make.counter("ledger_duplicates_total",
                       "Records seen before and ignored. Worry if it rises without a restart."),
  };
}

CheckpointMetrics CheckpointMetrics::make(prometheus::Registry& registry,
                                          const prometheus::Labels& labels) {
  Maker make(registry, labels);
  return {
      .duration_seconds = make.histogram(
          "checkpoint_duration_seconds",
          "Time to write a checkpoint. Worry if near the time between checkpoints.", kSeconds),
      .last_success_timestamp_seconds = make.measured(
          "checkpoint_last_success_timestamp_seconds",
          "Unix time of the last complete checkpoint. Worry if 30 minutes ago in the rl stage."),
      .resumes = make.counter("resume_total",
                              "Restores from a checkpoint. Worry if it rises without your doing."),
  };
}

SupervisorMetrics SupervisorMetrics::make(prometheus::Registry& registry,
                                          const prometheus::Labels& labels, std::string_view role) {
  Maker make(registry, labels);
  const std::string name(role);
  auto restarts = [&](const char* cause) -> prometheus::Counter& {
    return make.counter(
        "actor_restarts_total",
        "Restarts by role and cause. Worry above 3 an hour: the budget ends the run.",
        {{"role", name}, {"cause", cause}});
  };
  return {
      .restarts_exception = restarts("exception"),
      .restarts_exit = restarts("exit"),
      .restarts_signal = restarts("signal"),
      .restarts_hang = restarts("hang"),
      .actors_alive = make.gauge("actors_alive",
                                 "Actors of a role that run. Worry if below the configured count.",
                                 {{"role", name}}),
      .heartbeat_age_seconds = make.measured(
          "heartbeat_age_seconds", "Age of the oldest heartbeat of a role.", {{"role", name}}),
  };
}

}  // namespace charter::metrics
