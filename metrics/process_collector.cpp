#include "metrics/process_collector.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <sys/resource.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "metrics/maker.hpp"

namespace charter::metrics {
namespace {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<int64_t> open_fds() {
  std::error_code error;
  fs::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  return std::distance(entries, fs::directory_iterator{}) - 1;  // the iterator's own
}

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type,
                                double value, const prometheus::Labels& labels) {
  prometheus::ClientMetric metric;
  for (const auto& [label, text] : labels) metric.label.push_back({label, text});
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {std::string("charter_") + name, full_help(name, help), type, {metric}};
}

}  // namespace

std::optional<int64_t> proc_field_bytes(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
    int64_t kib = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), kib);
    if (error != std::errc{}) return std::nullopt;
    return kib * 1024;
  }
  return std::nullopt;
}

std::optional<int64_t> pss_bytes(int pid) {
  return proc_field_bytes(read_text("/proc/" + std::to_string(pid) + "/smaps_rollup"), "Pss");
}

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  auto add = [&](const char* name, const char* help, MetricType type, std::optional<double> value) {
    if (value) families.push_back(family(name, help, type, *value, labels_));
  };
  add("process_resident_memory_bytes", "Resident memory. Worry if it grows steadily over an hour.",
      MetricType::Gauge, proc_field_bytes(read_text("/proc/self/status"), "VmRSS"));
  add("process_pss_bytes",
      "Resident memory with shared pages divided among their users. Worry if the sum over the "
      "processes nears the machine's memory.",
      MetricType::Gauge, proc_field_bytes(read_text("/proc/self/smaps_rollup"), "Pss"));
  add("process_open_fds", "Open file descriptors. Worry near ulimit -n.", MetricType::Gauge,
      open_fds());
  add("process_cpu_seconds_total",
      "Processor time, all threads. Worry if its rate exceeds the compute slots.",
      MetricType::Counter, cpu_seconds());
  return families;
}

}  // namespace charter::metrics
