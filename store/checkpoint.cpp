#include "store/checkpoint.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <stdexcept>
#include <utility>

#include "store/ledger.hpp"
#include "store/manifest.hpp"

namespace charter::store {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// ckpt-<lineage>-<version>, nothing else.
std::optional<CheckpointVersion> parse_name(const std::string& name) {
  CheckpointVersion at;
  if (!name.starts_with("ckpt-")) return std::nullopt;
  const char* end = name.data() + name.size();
  const auto lineage = std::from_chars(name.data() + 5, end, at.lineage);
  if (lineage.ec != std::errc{} || lineage.ptr == end || *lineage.ptr != '-') return std::nullopt;
  const auto version = std::from_chars(lineage.ptr + 1, end, at.version);
  if (version.ec != std::errc{} || version.ptr != end) return std::nullopt;
  return at;
}

std::string directory_name(CheckpointVersion at) {
  return "ckpt-" + std::to_string(at.lineage) + "-" + std::to_string(at.version);
}

// Everything named as a checkpoint, sound or not.
std::vector<std::pair<CheckpointVersion, fs::path>> newest_first(const fs::path& dir) {
  std::vector<std::pair<CheckpointVersion, fs::path>> found;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (const auto at = parse_name(entry.path().filename().string()))
      found.emplace_back(*at, entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path dir, size_t keep)
    : dir_(std::move(dir)), keep_(std::max<size_t>(keep, 2)) {
  std::error_code error;
  fs::create_directories(dir_, error);
  if (error) {
    throw std::runtime_error("checkpoint directory " + dir_.string() + ": " + error.message());
  }
}

fs::path CheckpointStore::commit(CheckpointVersion at,
                                 const std::function<void(const fs::path&)>& write, json meta) {
  const fs::path temp = dir_ / ("tmp-" + directory_name(at));
  const fs::path target = dir_ / directory_name(at);
  fs::remove_all(temp);
  fs::create_directory(temp);
  try {
    write(temp);
    Manifest::write(temp, {{"lineage", at.lineage}, {"version", at.version}, {"meta", meta}});
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temp, ignored);
    throw;
  }
  if (fs::exists(target)) {
    // A directory cannot be replaced in one step. The old one is moved aside first: after a crash
    // between the two renames this version is missing and the one before it is the newest.
    const fs::path old = dir_ / ("tmp-old-" + directory_name(at));
    fs::remove_all(old);
    fs::rename(target, old);
  }
  fs::rename(temp, target);
  sync_path(dir_);
  sound_[at] = true;  // measured for its manifest
  prune();
  return target;
}

std::vector<Checkpoint> CheckpointStore::list() const {
  std::vector<Checkpoint> found;
  for (const auto& [at, path] : newest_first(dir_)) {
    if (const auto manifest = Manifest::read(path))
      found.push_back({.at = at, .path = path, .meta = manifest->facts().value("meta", json())});
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::string CheckpointStore::verify(const fs::path& checkpoint) {
  const auto manifest = Manifest::read(checkpoint);
  return manifest ? manifest->check_all() : "manifest.json is missing or not readable";
}

LatestCheckpoint CheckpointStore::latest() {
  LatestCheckpoint result;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tmp-")) result.warnings.push_back(name + ": skipped, not complete");
  }
  for (const auto& [at, path] : newest_first(dir_)) {
    const std::string wrong = verify(path);
    sound_[at] = wrong.empty();
    if (wrong.empty()) {
      result.checkpoint = {
          .at = at, .path = path, .meta = Manifest::read(path)->facts().value("meta", json())};
      break;
    }
    result.warnings.push_back(path.filename().string() + ": skipped, " + wrong);
  }
  return result;
}

std::optional<Checkpoint> CheckpointStore::unknown_to(const Ledger& ledger,
                                                      const std::string& model) const {
  std::set<CheckpointVersion> known;
  for (const VersionRow& row : ledger.versions(model)) known.insert({row.lineage, row.version});
  auto checkpoints = list();
  for (auto each = checkpoints.rbegin(); each != checkpoints.rend(); ++each) {
    if (known.contains(each->at)) return std::nullopt;
    // A damaged one was skipped by a restore, which took its version back.
    if (verify(each->path).empty()) return *each;
  }
  return std::nullopt;
}

void CheckpointStore::prune() {
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (entry.path().filename().string().starts_with("tmp-")) fs::remove_all(entry.path());
  }
  const auto found = newest_first(dir_);
  if (found.size() <= keep_) return;
  // Files are read, not only counted: a damaged checkpoint must not push out a sound one, which may
  // be the last that a restore can use. Once each: they are large, and nobody writes to them again.
  size_t sound = 0;
  for (const auto& [at, path] : found) {
    if (sound < keep_) {
      if (!sound_.contains(at)) sound_[at] = verify(path).empty();
      if (sound_[at]) ++sound;
    } else {
      sound_.erase(at);
      fs::remove_all(path);
    }
  }
}

}  // namespace charter::store
