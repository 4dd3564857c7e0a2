#include "store/checkpoint.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace charter::store {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kManifest = "manifest.json";
constexpr int kManifestFormat = 1;

[[noreturn]] void fail(const fs::path& path, const char* what) {
  throw std::runtime_error("checkpoint " + path.string() + ": " + what + ": " +
                           std::strerror(errno));
}

void sync_path(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) fail(path, "open");
  const int code = ::fsync(fd);
  ::close(fd);
  if (code != 0) fail(path, "fsync");
}

std::string hexadecimal(XXH64_hash_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

// Size and checksum of a file, read in blocks: a checkpoint can be larger than memory. Nothing:
// unreadable.
std::optional<std::pair<uintmax_t, std::string>> measure(const fs::path& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              &XXH3_freeState);
  if (file == nullptr || state == nullptr) return std::nullopt;
  XXH3_64bits_reset(state.get());
  std::vector<char> block(1 << 20);
  uintmax_t size = 0;
  while (const size_t count = std::fread(block.data(), 1, block.size(), file.get())) {
    XXH3_64bits_update(state.get(), block.data(), count);
    size += count;
  }
  if (std::ferror(file.get())) return std::nullopt;
  return std::pair{size, hexadecimal(XXH3_64bits_digest(state.get()))};
}

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

std::string text_checksum(const std::string& text) {
  return hexadecimal(XXH3_64bits(text.data(), text.size()));
}

// The manifest holds the checksum of itself without that field.
std::optional<json> read_manifest(const fs::path& dir) {
  std::ifstream in(dir / kManifest);
  if (!in) return std::nullopt;
  json manifest = json::parse(in, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("xxh3")) return std::nullopt;
  const json sum = manifest["xxh3"];
  manifest.erase("xxh3");
  const bool usable = sum == text_checksum(manifest.dump()) &&
                      manifest.value("format", json()) == kManifestFormat &&
                      manifest.contains("files") && manifest["files"].is_array() &&
                      manifest.contains("meta");
  if (!usable) return std::nullopt;
  return manifest;
}

void write_manifest(const fs::path& dir, CheckpointVersion at, const json& meta) {
  json files = json::array();
  std::set<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) paths.insert(entry.path());
    if (entry.is_directory()) sync_path(entry.path(), O_RDONLY | O_DIRECTORY);
  }
  for (const fs::path& path : paths) {
    sync_path(path, O_RDONLY);
    const auto measured = measure(path);
    if (!measured) fail(path, "read");
    files.push_back({{"name", path.lexically_relative(dir).generic_string()},
                     {"bytes", measured->first},
                     {"xxh3", measured->second}});
  }
  json manifest = {{"format", kManifestFormat},
                   {"lineage", at.lineage},
                   {"version", at.version},
                   {"files", files},
                   {"meta", meta}};
  manifest["xxh3"] = text_checksum(manifest.dump());
  {
    std::ofstream out(dir / kManifest);
    out << manifest.dump(2) << '\n';
    if (!out.flush()) fail(dir / kManifest, "write");
  }
  sync_path(dir / kManifest, O_RDONLY);
  sync_path(dir, O_RDONLY | O_DIRECTORY);
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
    write_manifest(temp, at, meta);
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
  sync_path(dir_, O_RDONLY | O_DIRECTORY);
  sound_[at] = true;  // measured for its manifest
  prune();
  return target;
}

std::vector<Checkpoint> CheckpointStore::list() const {
  std::vector<Checkpoint> found;
  for (const auto& [at, path] : newest_first(dir_)) {
    if (const auto manifest = read_manifest(path))
      found.push_back({.at = at, .path = path, .meta = (*manifest)["meta"]});
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::string CheckpointStore::verify(const fs::path& checkpoint) {
  const auto manifest = read_manifest(checkpoint);
  if (!manifest) return "manifest.json is missing or not readable";
  for (const json& file : (*manifest)["files"]) {
    const std::string name = file.value("name", "");
    const auto measured = measure(checkpoint / name);
    if (!measured) return name + ": missing or not readable";
    const uintmax_t bytes = file.value("bytes", uintmax_t{0});
    if (measured->first != bytes) {
      return name + ": " + std::to_string(measured->first) + " bytes, expected " +
             std::to_string(bytes);
    }
    const std::string sum = file.value("xxh3", "");
    if (measured->second != sum) {
      return name + ": checksum " + measured->second + ", expected " + sum;
    }
  }
  return {};
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
      result.checkpoint = {.at = at, .path = path, .meta = (*read_manifest(path))["meta"]};
      break;
    }
    result.warnings.push_back(path.filename().string() + ": skipped, " + wrong);
  }
  return result;
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
