#include "cli/run_directory.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "actors/kept_model.hpp"
#include "actors/kept_results.hpp"
#include "model/mapped_file.hpp"
#include "model/model_files.hpp"
#include "store/commit_count.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

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

// Modes of what an earlier start, or another umask, has left. Where a file system knows none, the
// directory is as private as the system makes it.
void make_private(const fs::path& run) {
  std::error_code ignored;
  fs::permissions(run, fs::perms::owner_all, ignored);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run, ignored))
    if (entry.path().filename().string().starts_with("ledger.sqlite"))
      files.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(run / "logs", ignored))
    files.push_back(entry.path());
  for (const auto& file : files)
    if (fs::is_regular_file(fs::symlink_status(file, ignored)))
      fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, ignored);
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// Done by the ledger, or its result is written and the ledger does not say so yet.
bool rl_is_done(const actors::RunPaths& paths) {
  if (fs::exists(paths.weights() / "rl_cai")) return true;
  if (!fs::exists(paths.ledger())) return false;
  const auto stage = store::Ledger::open_read_only(paths.ledger()).stage("rl");
  return stage && stage->state == store::StageState::kDone;
}

// A ledger that a start made which failed before it had begun.
bool is_unused(const fs::path& ledger) {
  constexpr uintmax_t kHeaderAlone = 4096;
  if (store::CommitCount::read(ledger) == 0 && fs::file_size(ledger) <= kHeaderAlone) return true;
  return store::Ledger::open_read_only(ledger).stages().empty();
}

// Without config.toml there is no run here; what only a run can have made is not taken for a new
// one's.
void require_no_remains(const actors::RunPaths& paths, const config::RunConfig& config) {
  const auto refuse = [&](const fs::path& what) {
    throw std::runtime_error(what.string() + ": is there, and " +
                             (paths.run / "config.toml").string() +
                             " is missing: restore that from a backup, or move " +
                             paths.run.string() + " away to begin anew");
  };
  if (fs::exists(paths.ledger()) && !is_unused(paths.ledger())) refuse(paths.ledger());
  for (const auto& phase : actors::phases(config))
    if (!phase.result.empty() && fs::exists(paths.weights() / phase.result))
      refuse(paths.weights() / phase.result);
  if (!fs::exists(paths.run / "checkpoints")) return;
  for (const auto& model : fs::directory_iterator(paths.run / "checkpoints"))
    if (model.is_directory() && !fs::is_empty(model.path())) refuse(model.path());
}

void remove_unused_ledger(const fs::path& ledger) {
  for (const char* suffix : {"", "-wal", "-shm", ".commits"}) fs::remove(ledger.string() + suffix);
}

struct ModelKey {
  const char* part;  // its name under weights/, where it is not base
  std::string config::ModelsSection::*path;
};
constexpr ModelKey kModels[] = {{"base", &config::ModelsSection::base},
                                {"helpful", &config::ModelsSection::helpful},
                                {"judge", &config::ModelsSection::judge},
                                {"pm_init", &config::ModelsSection::pm_init}};

std::string input_key(const std::string& part) { return "models." + part; }

// The run has its own copy of the model, so that the path it came from says nothing any more.
// Another path is the same setting where it leads to nothing, and nobody wrote it, or to the same
// content.
bool is_same_model(const RunManifest& manifest, const config::RunConfig& original,
                   const ModelKey& key, const std::string& path) {
  const std::string& before = original.models.*key.path;
  if (path == before) return true;
  const auto recorded = manifest.inputs().value(input_key(actors::weights_name(original, key.part)),
                                                nlohmann::json());
  if (!recorded.is_object() || before.empty()) return false;
  if (path.empty()) return std::string(key.part) == "base";
  return fs::exists(path) && changed(recorded, measure_model(path)).empty();
}

// `original` with what may be elsewhere than it was taken from `config`.
config::RunConfig moved(const config::RunConfig& original, const config::RunConfig& config,
                        const RunManifest& manifest) {
  auto result = original;
  result.run.root = config.run.root;
  result.run.name = config.run.name;
  if (!manifest.inputs().empty()) result.data = config.data;
  for (const auto& key : kModels)
    if (is_same_model(manifest, original, key, config.models.*key.path))
      result.models.*key.path = config.models.*key.path;
  return result;
}

void compare(RunDirectory& run, const config::RunConfig& original,
             const config::RunConfig& config) {
  const auto difference = config::compare_for_resume(moved(original, config, run.manifest), config);
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

actors::RunPaths paths_of(const config::RunConfig& config) {
  return {fs::absolute(fs::path(config.run.root) / config.run.name)};
}

// What is there, held to the configuration.
RunDirectory examine(const actors::RunPaths& paths, const config::RunConfig& config,
                     store::WriterLock lock) {
  RunDirectory run{.paths = paths,
                   .manifest = RunManifest::of(paths.run, config),
                   .resumed = fs::exists(paths.run / "config.toml"),
                   .lock = std::move(lock),
                   .accepted = {},
                   .data_changes = {},
                   .models = config.models};
  if (!run.resumed) {
    require_no_remains(paths, config);
    return run;
  }
  if (!fs::exists(paths.run / "manifest.json"))
    throw std::runtime_error(
        (paths.run / "manifest.json").string() +
        ": is missing beside a run that has begun: restore it from a backup, or "
        "move " +
        paths.run.string() + " away to begin anew");
  const auto path = paths.run / "config.toml";
  const auto original = config::parse_config(model::read_text_file(path), path.string(), {}, "");
  compare(run, original, config);
  run.models = original.models;
  return run;
}

// That make_directories would succeed, as far as it can be told without making anything.
void require_makeable(const fs::path& run) {
  auto place = run;
  while (!fs::exists(place) && place.has_relative_path()) place = place.parent_path();
  if (fs::is_directory(place) && ::access(place.c_str(), W_OK) == 0) return;
  throw std::runtime_error(run.string() + ": " + place.string() +
                           (fs::is_directory(place) ? " cannot be written" : " is no directory") +
                           "; expected a directory that can be made and written (run.root, "
                           "run.name)");
}

}  // namespace

RunDirectory open_run_directory(const config::RunConfig& config) {
  const auto paths = paths_of(config);
  make_directories(paths.run);
  make_private(paths.run);
  auto lock = store::WriterLock::of(paths.ledger());
  return examine(paths, config, std::move(lock));
}

void check_run_directory(const config::RunConfig& config, const fs::path& authored) {
  const auto paths = paths_of(config);
  require_makeable(paths.run);
  if (!fs::exists(paths.run)) return;
  auto run = examine(paths, config, {});
  if (run.resumed) take_data(run, measure_data(config, authored), /*accept=*/false);
}

void take_data(RunDirectory& run, const RunInputs& data, bool accept) {
  auto inputs = run.resumed ? run.manifest.inputs() : nlohmann::json::object();
  if (run.resumed && !accept) require_unchanged(inputs, data);
  for (const auto& [key, input] : data) {
    const auto before = inputs.value(key, nlohmann::json());
    const auto wrong = run.resumed ? changed(before, input) : "";
    if (!wrong.empty()) {
      run.data_changes.push_back(key + ": " + wrong + "; " + kAccepted);
      run.manifest.add_accepted(key, before, to_json(input));
    }
    inputs[key] = to_json(input);
  }
  run.manifest.set_inputs(std::move(inputs));
}

void import_models(RunDirectory& run, const config::RunConfig& config,
                   const std::function<void(const std::string&)>& say) {
  auto inputs = run.manifest.inputs();
  std::set<fs::path> imported;
  for (const auto& key : kModels) {
    const std::string& source = config.models.*key.path;
    const auto target = run.paths.weights() / actors::weights_name(config, key.part);
    if (fs::exists(target)) {
      if (run.resumed || !imported.insert(target).second) continue;
      fs::remove_all(target);  // of a start that failed, perhaps with another model
    }
    imported.insert(target);
    say("importing " + source + " as " + target.filename().string());
    actors::save_kept_model(actors::load_kept_model(source), target);
    inputs[input_key(target.filename())] = to_json(measure_model(source));
  }
  run.manifest.set_inputs(std::move(inputs));
}

store::Ledger begin_run(RunDirectory& run, const config::RunConfig& config) {
  const auto path = run.paths.ledger();
  if (!run.resumed) {
    remove_unused_ledger(path);
    run.manifest.set_ledger_commits(0);
    run.manifest.save();  // its id is the ledger's
  }
  auto ledger =
      store::Ledger::open(path, run.manifest.run_id(), std::move(run.lock),
                          {.exists = run.resumed, .commits = run.manifest.ledger_commits()});
  actors::check_kept(ledger, run.paths);
  for (const auto& key : kModels)
    actors::remember_kept(ledger, run.paths, actors::weights_name(config, key.part));
  for (const auto& change : run.data_changes) ledger.add_event("warning", change);
  run.manifest.save();
  store::replace_file(run.paths.run / "config.toml", config::to_toml(config));
  return ledger;
}

}  // namespace charter::cli
