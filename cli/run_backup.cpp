#include "cli/run_backup.hpp"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>

#include "actors/kept_model.hpp"
#include "actors/kept_results.hpp"
#include "cli/report_builder_run.hpp"
#include "cli/run_manifest.hpp"
#include "store/checkpoint.hpp"
#include "store/manifest.hpp"

namespace charter::cli {
namespace {

namespace fs = std::filesystem;

// The directory that the copy is made in, beside its place; removed unless it was put there.
class Staging {
 public:
  explicit Staging(fs::path target) : target_(std::move(target)) {
    if (!target_.has_filename()) target_ = target_.parent_path();
    if (fs::exists(target_) && !(fs::is_directory(target_) && fs::is_empty(target_)))
      throw std::runtime_error(target_.string() +
                               ": exists, expected a new or an empty directory (--out)");
    std::string name = target_.string() + ".partial-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error(target_.string() + ": " + std::strerror(errno) +
                               "; expected a directory that can be made (--out)");
    path_ = name;
  }
  ~Staging() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

  void put() {
    for (const auto& entry : fs::recursive_directory_iterator(path_))
      store::sync_path(entry.path());
    fs::rename(path_, target_);
    path_.clear();
    const auto parent = fs::absolute(target_).parent_path();
    store::sync_path(parent);
  }

 private:
  fs::path target_, path_;
};

std::vector<std::string> names_in(const fs::path& dir) {
  std::set<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(dir, none))
    names.insert(entry.path().filename().string());
  return {names.begin(), names.end()};
}

// False: it is not sound, or was pruned while it was copied.
bool copy_checkpoint(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive, error);
  if (!error && store::CheckpointStore::verify(to).empty()) return true;
  fs::remove_all(to);
  return false;
}

// The newest first, which is pruned last. Only where so many were made meanwhile that even this one
// went is there anything to begin again.
void copy_checkpoints(const fs::path& from, const fs::path& to) {
  constexpr int kTries = 10;
  fs::create_directories(to);
  for (int i = 0; i < kTries; ++i) {
    const auto found = store::CheckpointStore(from, 2).list();
    bool copied = false;
    for (auto each = found.rbegin(); each != found.rend(); ++each)
      copied |= copy_checkpoint(each->path, to / each->path.filename());
    if (copied || found.empty()) return;
  }
  throw std::runtime_error(from.string() + ": no checkpoint in it is sound, expected one");
}

// Of a run that an earlier version began the ledger knows none.
void copy_weights(const fs::path& from, const fs::path& to, const store::Ledger& ledger) {
  fs::create_directories(to);
  const bool knows = actors::knows_kept(ledger, "base");
  for (const auto& name : names_in(from)) {
    if (knows ? !actors::knows_kept(ledger, name) : name.ends_with(".tmp")) continue;
    if (name.ends_with(".safetensors")) (void)actors::read_kept_snapshot(from / name);
    fs::copy(from / name, to / name, fs::copy_options::recursive);
    const auto manifest = store::Manifest::read(to / name);
    if (const auto wrong = manifest ? manifest->check_all() : ""; !wrong.empty())
      throw std::runtime_error((from / name / wrong).string() +
                               "; a run with it cannot be resumed");
  }
}

void copy_manifest(const fs::path& from, const fs::path& to, int64_t commits) {
  fs::copy_file(from / "manifest.json", to / "manifest.json");
  auto manifest = RunManifest::of(to, {});
  manifest.set_ledger_commits(commits);
  manifest.save();
}

Backup describe(const actors::RunPaths& copy, int64_t commits) {
  Backup result{.ledger_commits = commits, .checkpoints = {}, .weights = {}, .bytes = 0};
  for (const auto& model : names_in(copy.run / "checkpoints"))
    for (const auto& name : names_in(copy.checkpoints(model)))
      result.checkpoints.push_back(model + "/" + name);
  result.weights = names_in(copy.weights());
  for (const auto& entry : fs::recursive_directory_iterator(copy.run))
    if (entry.is_regular_file()) result.bytes += entry.file_size();
  return result;
}

}  // namespace

Backup back_up(const fs::path& run, const fs::path& to) {
  const auto source = open_run_ledger(run);
  Staging staging(to);
  const actors::RunPaths copy{staging.path()};
  // Checkpoints first: the ledger is ahead of them, so the copy that is made of it next knows each.
  // Weights last: what a ledger knows does not change any more.
  for (const auto& model : names_in(run / "checkpoints"))
    copy_checkpoints(run / "checkpoints" / model, copy.checkpoints(model));
  source.copy_to(copy.ledger());
  int64_t commits = 0;
  {
    const auto ledger = store::Ledger::open_read_only(copy.ledger());
    commits = ledger.commits();
    copy_weights(run / "weights", copy.weights(), ledger);
    actors::check_kept(ledger, copy);
  }
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(copy.ledger().string() + suffix);
  copy_manifest(run, copy.run, commits);
  fs::copy_file(run / "config.toml", copy.run / "config.toml");
  if (fs::exists(run / "report.html")) fs::copy_file(run / "report.html", copy.run / "report.html");
  const auto result = describe(copy, commits);
  staging.put();
  return result;
}

}  // namespace charter::cli
