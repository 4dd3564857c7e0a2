#include "metrics/exposer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "metrics/process_collector.hpp"

namespace charter::metrics {
namespace {

struct Address {
  std::string host;  // without brackets
  uint16_t port = 0;
  sockaddr_storage socket{};
  socklen_t size = 0;
};

std::runtime_error malformed(const std::string& text) {
  return std::runtime_error("metrics address " + text +
                            ": expected HOST:PORT with a numeric host, such as 127.0.0.1:9400");
}

Address parse(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw malformed(text);
  Address result;
  result.host = text.substr(0, colon);
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, result.port);
  if (error != std::errc{} || rest != end) throw malformed(text);
  if (result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']') {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.socket);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(result.port);
    result.size = sizeof(*v6);
    const std::string inner = result.host.substr(1, result.host.size() - 2);
    if (inet_pton(AF_INET6, inner.c_str(), &v6->sin6_addr) != 1) throw malformed(text);
    return result;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.socket);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(result.port);
  result.size = sizeof(*v4);
  if (inet_pton(AF_INET, result.host.c_str(), &v4->sin_addr) != 1) throw malformed(text);
  return result;
}

// The HTTP library reports every failed bind by the same sentence, so the reason is asked for here.
std::string bind_problem(const Address& address) {
  const int fd = ::socket(address.socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool bound =
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address.socket), address.size) == 0 &&
      ::listen(fd, 1) == 0;
  const int error = bound ? 0 : errno;
  ::close(fd);
  if (error == 0) return {};
  return error == EADDRINUSE ? "in use" : std::strerror(error);
}

std::runtime_error refused(const std::string& address, const std::string& problem) {
  return std::runtime_error("metrics address " + address + ": " + problem +
                            "; choose another port, or port 0 for a free one");
}

}  // namespace

Exposer::Exposer(const std::string& address, std::shared_ptr<prometheus::Registry> registry,
                 const prometheus::Labels& process_labels)
    : registry_(std::move(registry)), process_(std::make_shared<ProcessCollector>(process_labels)) {
  const Address parsed = parse(address);
  host_ = parsed.host;
  if (const std::string problem = bind_problem(parsed); !problem.empty()) {
    throw refused(address, problem);
  }
  try {
    server_ = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception& error) {
    throw refused(address, error.what());
  }
  server_->RegisterCollectable(registry_);
  server_->RegisterCollectable(process_);
  port_ = server_->GetListeningPorts().at(0);
}

Exposer::~Exposer() = default;

void Exposer::add(std::shared_ptr<prometheus::Collectable> source) {
  server_->RegisterCollectable(source);
  added_.push_back(std::move(source));
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
