#include "bench/serve.hpp"

#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

namespace charter::bench {
namespace {

// Linux: writing 5 makes the present resident size the peak (proc(5), clear_refs).
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

nlohmann::json answer(const Measured& m) {
  nlohmann::json line = m.parts;
  line["value"] = m.amount / m.seconds;
  line["seconds"] = m.seconds;
  line["peak_mb"] = peak_mb();
  return line;
}

}  // namespace

void serve(const Work& work) {
  std::cout << nlohmann::json{{"ready", true}, {"model", work.model}}.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    const auto asked = nlohmann::json::parse(line);
    if (asked.contains("check")) {
      std::cout << nlohmann::json{{"numbers", work.check()}}.dump() << std::endl;
      reset_peak();
    } else {
      std::cout << answer(work.run(asked.value("run", uint64_t{1}))).dump() << std::endl;
    }
  }
}

void print_runs(const Work& work, int runs) {
  (void)work.run(1);
  for (int run = 2; run < 2 + runs; ++run) {
    std::cout << answer(work.run(static_cast<uint64_t>(run))).dump() << std::endl;
  }
}

double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace charter::bench
