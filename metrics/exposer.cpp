#include "metrics/exposer.hpp"

#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "metrics/process_collector.hpp"

namespace charter::metrics {
namespace {

constexpr const char* kTextFormat = "text/plain; version=0.0.4; charset=utf-8";
constexpr size_t kThreads = 2;  // one scraper, and a person who looks

std::runtime_error refused(const ListenAddress& first, int32_t ports, const std::string& problem) {
  const std::string more =
      ports > 1 ? " and the " + std::to_string(ports - 1) + " ports after it" : "";
  return std::runtime_error("metrics address " + first.text() + more + ": " + problem +
                            "; choose another port, or port 0 for a free one");
}

}  // namespace

class Exposer::Server {
 public:
  Server() {
    http_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    http_.set_keep_alive_timeout(1);  // seconds; the end waits for it
    // Not the library's SO_REUSEPORT, with which two processes would share the port.
    http_.set_socket_options([](int fd) {
      const int on = 1;
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    });
    http_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(prometheus::TextSerializer().Serialize(collect()), kTextFormat);
    });
  }
  ~Server() {
    http_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The port it listens at, or nothing when the address is refused.
  std::optional<uint16_t> listen(const ListenAddress& address) {
    const int port = address.port == 0 ? http_.bind_to_any_port(address.host)
                     : http_.bind_to_port(address.host, address.port) ? address.port
                                                                      : -1;
    if (port <= 0) return std::nullopt;
    thread_ = std::thread([this] { http_.listen_after_bind(); });
    // A stop before it listens would be lost.
    while (!http_.is_running()) std::this_thread::yield();
    return static_cast<uint16_t>(port);
  }
  void add(std::shared_ptr<prometheus::Collectable> source) {
    const std::lock_guard lock(mutex_);
    sources_.push_back(std::move(source));
  }

 private:
  std::vector<prometheus::MetricFamily> collect() {
    const std::lock_guard lock(mutex_);
    std::vector<prometheus::MetricFamily> all;
    for (const auto& source : sources_)
      for (auto& family : source->Collect()) all.push_back(std::move(family));
    return all;
  }

  std::mutex mutex_;  // of the sources: scraped on the server's threads
  std::vector<std::shared_ptr<prometheus::Collectable>> sources_;
  httplib::Server http_;
  std::thread thread_;
};

Exposer::Exposer(const std::string& address, std::shared_ptr<prometheus::Registry> registry,
                 const prometheus::Labels& process_labels, int32_t ports)
    : address_(resolve(address)), server_(std::make_unique<Server>()) {
  server_->add(std::move(registry));
  server_->add(std::make_shared<ProcessCollector>(process_labels));
  const ListenAddress first = address_;
  if (first.port == 0) ports = 1;
  std::string problem;
  for (int32_t i = 0; i < ports && first.port + i <= UINT16_MAX; ++i) {
    const auto next = first.with_port(static_cast<uint16_t>(first.port + i));
    // The HTTP library says only that it failed. A port may also be taken after the question.
    problem = listen_problem(next);
    const auto port = problem.empty() ? server_->listen(next) : std::nullopt;
    if (port) {
      address_ = first.with_port(*port);
      return;
    }
  }
  throw refused(first, ports, problem.empty() ? "in use" : problem);
}

Exposer::~Exposer() = default;

void Exposer::add(std::shared_ptr<prometheus::Collectable> source) {
  server_->add(std::move(source));
}

std::filesystem::path targets_path(const std::filesystem::path& run_dir) {
  std::filesystem::path clean = run_dir.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  return clean.parent_path() / (clean.filename().string() + ".targets.json");
}

void write_targets(const std::filesystem::path& path, const std::vector<ScrapeTarget>& targets) {
  nlohmann::json groups = nlohmann::json::array();
  for (const ScrapeTarget& target : targets) {
    groups.push_back({{"targets", {target.address}}, {"labels", {{"process", target.process}}}});
  }
  const std::filesystem::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::trunc);
  file << groups.dump(2) << '\n';
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(temporary, path, error);
  if (!file || error) {
    throw std::runtime_error(path.string() + ": cannot write the list of metrics addresses" +
                             (error ? ": " + error.message() : ""));
  }
}

}  // namespace charter::metrics
