#include "cli/run_manifest.hpp"

#include <torch/version.h>

#include <chrono>
#include <fstream>
#include <iomanip>
#include <random>
#include <sstream>
#include <stdexcept>

#include "model/mapped_file.hpp"
#include "store/manifest.hpp"

namespace charter::cli {
namespace {

using nlohmann::json;

std::string random_id() {
  std::random_device device;
  std::ostringstream text;
  text << std::hex << std::setw(8) << std::setfill('0') << device() << std::setw(8) << device();
  return text.str();
}

std::string cpu_flags() {
  std::ifstream in("/proc/cpuinfo");
  std::string line, found;
  while (std::getline(in, line))
    if (line.starts_with("flags")) {
      for (const char* flag : {"avx2", "avx512f", "avx512_vnni", "avx512_bf16"})
        if (line.find(flag) != std::string::npos)
          found += (found.empty() ? "" : " ") + std::string(flag);
      break;
    }
  return found;
}

}  // namespace

RunManifest RunManifest::of(const std::filesystem::path& dir, const config::RunConfig& config) {
  RunManifest result;
  result.file_ = dir / "manifest.json";
  if (!std::filesystem::exists(result.file_)) {
    result.content_ = {{"run_id", random_id()},      {"seed", config.run.seed},
                       {"charter", CHARTER_VERSION}, {"commit", CHARTER_COMMIT},
                       {"libtorch", TORCH_VERSION},  {"cpu", cpu_flags()}};
    return result;
  }
  result.content_ =
      json::parse(model::read_text_file(result.file_), nullptr, /*allow_exceptions=*/false);
  const auto& content = result.content_;
  if (!content.is_object() || !content.contains("run_id") || !content["run_id"].is_string())
    throw std::runtime_error(
        result.file_.string() +
        ": expected a JSON object with run_id; the file is damaged: restore it "
        "from a backup of the run");
  return result;
}

std::string RunManifest::run_id() const { return content_["run_id"].get<std::string>(); }

int64_t RunManifest::ledger_commits() const { return content_.value("ledger_commits", int64_t{0}); }

void RunManifest::set_ledger_commits(int64_t commits) { content_["ledger_commits"] = commits; }

json RunManifest::inputs() const { return content_.value("inputs", json::object()); }

void RunManifest::set_inputs(json inputs) { content_["inputs"] = std::move(inputs); }

void RunManifest::add_accepted(const std::string& key, const json& before, const json& after) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  content_["accepted"].push_back({{"key", key},
                                  {"time", std::chrono::duration<double>(now).count()},
                                  {"before", before},
                                  {"after", after}});
}

void RunManifest::save() const { store::replace_file(file_, content_.dump(2) + "\n"); }

}  // namespace charter::cli
