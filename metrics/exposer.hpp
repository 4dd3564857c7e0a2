// Serves a process's metrics at http://HOST:PORT/metrics, and tells Prometheus where.
// Every process of a run has one exposer; workers bind port 0 and the run's target file names the
// ports they got.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Exposer;
}

namespace charter::metrics {

class ProcessCollector;

class Exposer {
 public:
  // address: "HOST:PORT" with a numeric host ("127.0.0.1:9400", "[::1]:0"); port 0 lets the system
  // choose. process_labels (run, process) go to the metrics of the process itself.
  // Throws std::runtime_error with one line if the address is malformed, in use or refused.
  Exposer(const std::string& address, std::shared_ptr<prometheus::Registry> registry,
          const prometheus::Labels& process_labels);
  ~Exposer();
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

  // Serves this too from now on, and keeps it.
  void add(std::shared_ptr<prometheus::Collectable> source);

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string address() const { return host_ + ":" + std::to_string(port_); }

 private:
  std::string host_;
  int port_ = 0;
  std::shared_ptr<prometheus::Registry> registry_;
  std::shared_ptr<ProcessCollector> process_;
  std::vector<std::shared_ptr<prometheus::Collectable>> added_;
  std::unique_ptr<prometheus::Exposer> server_;
};

struct ScrapeTarget {
  std::string address;  // as Exposer::address()
  std::string process;  // "control", "engine", "trainer", or a worker's name
};

// Where a run's targets are listed: runs/NAME -> runs/NAME.targets.json. It lies beside the run
// directory because a Prometheus pattern may have its star only in the last part of the path.
[[nodiscard]] std::filesystem::path targets_path(const std::filesystem::path& run_dir);

// Replaces the file as a whole (Prometheus reads it at any moment). An empty list ends the
// scraping. Throws std::runtime_error naming the file if it cannot be written.
void write_targets(const std::filesystem::path& path, const std::vector<ScrapeTarget>& targets);

}  // namespace charter::metrics
