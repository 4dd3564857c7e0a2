// Memory, file descriptors and processor time of this process, read from /proc at each scrape.
// Memory is counted as PSS: processes share snapshots, and RSS would count them once per process.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/labels.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace charter::metrics {

// The value of a "Name:   1234 kB" line of /proc/*/status or smaps_rollup, in bytes; empty if the
// text has no such line.
[[nodiscard]] std::optional<int64_t> proc_field_bytes(std::string_view text, std::string_view name);

// PSS of a process in bytes; empty if it is gone or not ours.
[[nodiscard]] std::optional<int64_t> pss_bytes(int pid);

class ProcessCollector : public prometheus::Collectable {
 public:
  explicit ProcessCollector(const prometheus::Labels& labels) : labels_(labels) {}

  // A value that /proc does not give is left out. Safe from any thread.
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  prometheus::Labels labels_;
};

}  // namespace charter::metrics
