// Serves a process's metrics at http://HOST:PORT/metrics, and tells Prometheus where.
// Every process of a run has one exposer; the run's target file names the ports they got.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "metrics/listen_address.hpp"

namespace charter::metrics {

// Ports that a worker of a run may take: of the configured one and those after it the first that
// is free. Its control process has the configured one.
inline constexpr int32_t kWorkerPorts = 256;

class Exposer {
 public:
  // address: as resolve() takes it; port 0 lets the system choose. ports: how many are tried, from
  // the given one on. process_labels (run, process) go to the metrics of the process itself.
  // Throws std::runtime_error with one line if the address is malformed, or in use or refused with
  // each of the ports.
  Exposer(const std::string& address, std::shared_ptr<prometheus::Registry> registry,
          const prometheus::Labels& process_labels, int32_t ports = 1);
  ~Exposer();
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

  // Serves this too from now on, and keeps it.
  void add(std::shared_ptr<prometheus::Collectable> source);

  [[nodiscard]] int port() const { return address_.port; }
  [[nodiscard]] std::string address() const { return address_.text(); }

 private:
  class Server;
  ListenAddress address_;
  std::unique_ptr<Server> server_;
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
