#include "actors/kept_results.hpp"

#include <stdexcept>

#include "actors/kept_model.hpp"

namespace charter::actors {
namespace {

namespace fs = std::filesystem;

std::string key_of(const std::string& name) { return "weights." + name; }

void check_sum(const store::Ledger& ledger, const fs::path& path) {
  const auto known = ledger.meta(key_of(path.filename().string()));
  if (!known) return;
  const auto got = kept_sum(path);
  if (got == *known) return;
  const bool file = !fs::is_directory(path);
  const auto what = file ? path.string() : (path / "manifest.json").string();
  throw std::runtime_error(what + ": " +
                           (got.empty() ? "is missing or damaged, expected checksum "
                                        : "checksum " + got + ", expected ") +
                           *known + " as the ledger knows it: restore it from a backup, or move " +
                           path.string() + " away and start the run again, which makes it anew");
}

}  // namespace

bool result_missing(const store::Ledger& ledger, const RunPaths& paths, const Phase& phase) {
  return !phase.result.empty() && !fs::exists(paths.weights() / phase.result) &&
         ledger.count_by_state(phase.name).total() > 0;
}

void remember_kept(store::Ledger& ledger, const RunPaths& paths, const std::string& name) {
  if (name.empty() || !fs::exists(paths.weights() / name)) return;
  const auto sum = kept_sum(paths.weights() / name);
  if (!sum.empty() && ledger.meta(key_of(name)) != sum) ledger.set_meta(key_of(name), sum);
}

void remember_results(store::Ledger& ledger, const RunPaths& paths, const Phase& phase) {
  remember_kept(ledger, paths, phase.result);
  if (phase.name == "rl") remember_kept(ledger, paths, "pm_online.safetensors");
}

bool knows_kept(const store::Ledger& ledger, const std::string& name) {
  return ledger.meta(key_of(name)).has_value();
}

void require_known(const store::CheckpointStore& checkpoints, const store::Ledger& ledger,
                   const std::string& model) {
  const auto unknown = checkpoints.unknown_to(ledger, model);
  if (!unknown) return;
  throw std::runtime_error(
      unknown->path.string() + ": the ledger has no version " +
      std::to_string(unknown->at.version) + " of lineage " + std::to_string(unknown->at.lineage) +
      " of " + model +
      ", so it is older than its checkpoints: restore a backup of the whole run, or move this " +
      "checkpoint away to train again from the one before");
}

void check_kept(const store::Ledger& ledger, const RunPaths& paths) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(paths.weights(), none))
    check_sum(ledger, entry.path());
  for (const auto& entry : fs::directory_iterator(paths.run / "checkpoints", none))
    if (entry.is_directory())
      require_known(store::CheckpointStore(entry.path(), 2), ledger,
                    entry.path().filename().string());
}

void require_checkpoint(const RunPaths& paths, const Phase& phase) {
  const auto dir = paths.checkpoints(phase.trained_model);
  if (fs::exists(dir) && store::CheckpointStore(dir, 2).latest().checkpoint) return;
  throw std::runtime_error((paths.weights() / phase.result).string() +
                           ": is missing, and no checkpoint in " + dir.string() +
                           " can make it again: restore a backup of the run");
}

}  // namespace charter::actors
