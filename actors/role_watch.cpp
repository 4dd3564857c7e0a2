#include "actors/role_watch.hpp"

#include <algorithm>

namespace charter::actors {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kShortestDeadline{300};
constexpr Seconds kLongestLook{5};  // a longer gap between two looks: this process did not run
constexpr double kTrainFlop =
    8;  // of one parameter and token: forward, backward, and the forward again
constexpr double kSlowestFlopPerSecond = 1e10;  // two cores of a laptop reach four times that

// Parameters of the largest model under `weights`, which are kept in 32 bits.
double largest_model(const std::filesystem::path& weights) {
  double parameters = 0;
  std::error_code none;
  for (const auto& model : std::filesystem::directory_iterator(weights, none)) {
    double bytes = 0;
    if (!model.is_directory(none)) continue;
    for (const auto& file : std::filesystem::directory_iterator(model.path(), none))
      if (file.path().extension() == ".safetensors")
        bytes += static_cast<double>(file.file_size(none));
    parameters = std::max(parameters, bytes / 4);
  }
  return parameters;
}

}  // namespace

Seconds step_deadline(const config::RunConfig& config, const std::filesystem::path& weights) {
  if (config.machine.step_seconds > 0) return Seconds(config.machine.step_seconds);
  const Seconds longest(kTrainFlop * largest_model(weights) *
                        static_cast<double>(config.models.max_context) / kSlowestFlopPerSecond);
  return std::max(kShortestDeadline, longest);
}

Seconds lease_duration(const config::RunConfig& config, const std::filesystem::path& weights) {
  return std::max(Seconds(config.machine.lease_seconds), step_deadline(config, weights) / 2);
}

void RoleWatch::add(const std::string& role) {
  roles_[role] = {.last = {.name = role, .state = "starting"}};
}

void RoleWatch::advance(Time now) {
  const Seconds passed =
      now_ ? std::clamp<Seconds>(now - *now_, Seconds(0), kLongestLook) : Seconds(0);
  now_ = now;
  for (auto& [name, role] : roles_)
    if (role.asked) role.silent += passed;
}

bool RoleWatch::ask(const std::string& role) {
  const auto it = roles_.find(role);
  if (it == roles_.end() || it->second.asked) return false;
  it->second.asked = true;
  it->second.silent = Seconds(0);
  return true;
}

void RoleWatch::answered(const std::string& role, RoleReport report) {
  const auto it = roles_.find(role);
  if (it == roles_.end()) return;
  it->second = {.last = std::move(report)};
}

void RoleWatch::heard(const std::string& role, RoleReport report) {
  if (const auto it = roles_.find(role); it != roles_.end()) it->second.last = std::move(report);
}

std::optional<RoleWatch::Overdue> RoleWatch::overdue() const {
  const auto longest = std::max_element(
      roles_.begin(), roles_.end(),
      [](const auto& a, const auto& b) { return a.second.silent < b.second.silent; });
  if (longest == roles_.end() || longest->second.silent < deadline_) return std::nullopt;
  const auto& [name, role] = *longest;
  return Overdue{name, "has not answered for " +
                           std::to_string(static_cast<int64_t>(role.silent.count())) +
                           " s; last progress " + std::to_string(role.last.progress) + " (" +
                           role.last.state + ")"};
}

std::map<std::string, RoleReport> RoleWatch::reports() const {
  std::map<std::string, RoleReport> result;
  for (const auto& [name, role] : roles_) result[name] = role.last;
  return result;
}

}  // namespace charter::actors
