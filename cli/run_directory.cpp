#include "cli/run_directory.hpp"

#include <ATen/ATen.h>
#include <torch/version.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "cli/output_file.hpp"
#include "model/mapped_file.hpp"
#include "model/model_files.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

void write_text(const fs::path& path, const std::string& text) {
  OutputFile out(path.string());
  out.stream() << text;
  out.commit();
}

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

void make_directories(const fs::path& run) {
  std::error_code error;
  for (const char* name : {"", "weights", "checkpoints", "logs"}) {
    const auto path = *name == '\0' ? run : run / name;
    fs::create_directories(path, error);
    if (error)
      throw std::runtime_error(
          path.string() + ": " + error.message() +
          "; expected a directory that can be made and written (run.root, run.name)");
  }
  if (::access(run.c_str(), W_OK) != 0)
    throw std::runtime_error(run.string() + ": " + std::strerror(errno) +
                             "; expected a writable run directory (run.root)");
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// The run's id, made with the directory.
std::string manifest_id(const fs::path& path, const config::RunConfig& config) {
  if (fs::exists(path)) {
    const auto manifest =
        nlohmann::json::parse(model::read_text_file(path), nullptr, /*allow_exceptions=*/false);
    if (!manifest.is_object() || !manifest.contains("run_id"))
      throw std::runtime_error(path.string() +
                               ": expected a JSON object with run_id; the file is damaged");
    return manifest["run_id"].get<std::string>();
  }
  const auto id = random_id();
  write_text(path, nlohmann::json{{"run_id", id},
                                  {"seed", config.run.seed},
                                  {"charter", CHARTER_VERSION},
                                  {"commit", CHARTER_COMMIT},
                                  {"libtorch", TORCH_VERSION},
                                  {"cpu", cpu_flags()}}
                           .dump(2) +
                       "\n");
  return id;
}

// Done by the ledger, or its result is written and the ledger does not say so yet.
bool rl_is_done(const actors::RunPaths& paths) {
  if (fs::exists(paths.weights() / "rl_cai")) return true;
  if (!fs::exists(paths.ledger())) return false;
  const auto stage = store::Ledger::open_read_only(paths.ledger()).stage("rl");
  return stage && stage->state == store::StageState::kDone;
}

}  // namespace

RunDirectory open_run_directory(const config::RunConfig& config) {
  RunDirectory run{.paths = {fs::absolute(fs::path(config.run.root) / config.run.name)},
                   .run_id = {},
                   .resumed = false,
                   .lock = store::WriterLock{},
                   .accepted = {}};
  make_directories(run.paths.run);
  run.lock = store::WriterLock::of(run.paths.ledger());
  const auto config_path = run.paths.run / "config.toml";
  if (fs::exists(config_path)) {
    run.resumed = true;
    const auto original =
        config::parse_config(model::read_text_file(config_path), config_path.string(), {}, "");
    const auto difference = config::compare_for_resume(original, config);
    if (!difference.refused.empty())
      throw std::runtime_error(
          run.paths.run.string() + " holds a run with other settings that cannot change: " +
          join(difference.refused) + "; expected them as they were, or another run.name");
    run.accepted = difference.accepted;
    if (original.rl.updates != config.rl.updates && rl_is_done(run.paths))
      throw std::runtime_error(run.paths.run.string() + ": rl.updates: the rl stage is done with " +
                               std::to_string(original.rl.updates) +
                               " updates; expected this value, or another run.name");
  }
  return run;
}

void begin_run(RunDirectory& run, const config::RunConfig& config) {
  run.run_id = manifest_id(run.paths.run / "manifest.json", config);
  write_text(run.paths.run / "config.toml", config::to_toml(config));
}

void import_models(const RunDirectory& run, const config::RunConfig& config,
                   const std::function<void(const std::string&)>& say) {
  const std::pair<const char*, const std::string*> models[] = {{"base", &config.models.base},
                                                               {"helpful", &config.models.helpful},
                                                               {"judge", &config.models.judge},
                                                               {"pm_init", &config.models.pm_init}};
  std::set<fs::path> imported;
  for (const auto& [name, source] : models) {
    const auto target = run.paths.weights() / actors::weights_name(config, name);
    if (fs::exists(target)) {
      if (run.resumed || !imported.insert(target).second) continue;
      fs::remove_all(target);  // of a start that failed, perhaps with another model
    }
    imported.insert(target);
    say("importing " + *source + " as " + target.filename().string());
    model::save_hf_directory(model::load_model(*source), target);
  }
}

}  // namespace charter::cli
