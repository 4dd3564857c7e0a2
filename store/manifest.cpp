#include "store/manifest.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace charter::store {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;

[[noreturn]] void fail(const fs::path& path, const char* what) {
  throw std::runtime_error(path.string() + ": " + what + ": " + std::strerror(errno));
}

std::string hexadecimal(XXH64_hash_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

// Names under `dir` with '/' between their parts; directories are synced on the way.
std::set<std::string> names_under(const fs::path& dir) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file())
      names.insert(entry.path().lexically_relative(dir).generic_string());
    if (entry.is_directory()) sync_path(entry.path());
  }
  names.erase(Manifest::kName);
  return names;
}

// Only what write() made: a list of files with their sizes and checksums.
std::optional<std::map<std::string, FileSum>> files_of(const json& manifest) {
  std::map<std::string, FileSum> files;
  if (!manifest.contains("files") || !manifest["files"].is_array()) return std::nullopt;
  for (const json& file : manifest["files"]) {
    if (!file.is_object() || !file.contains("name") || !file["name"].is_string())
      return std::nullopt;
    files[file["name"].get<std::string>()] = {file.value("bytes", uint64_t{0}),
                                              file.value("xxh3", "")};
  }
  return files;
}

}  // namespace

FileSum sum_of(std::span<const std::byte> content) {
  return {content.size(), hexadecimal(XXH3_64bits(content.data(), content.size()))};
}

FileSum sum_of(const std::string& content) {
  return sum_of(std::as_bytes(std::span(content.data(), content.size())));
}

FileSum sum_of_file(const fs::path& file) {
  const std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(file.c_str(), "rbe"), &std::fclose);
  if (in == nullptr) fail(file, "cannot open");
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              &XXH3_freeState);
  if (state == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  std::vector<char> block(1 << 20);
  FileSum sum;
  while (const size_t count = std::fread(block.data(), 1, block.size(), in.get())) {
    XXH3_64bits_update(state.get(), block.data(), count);
    sum.bytes += count;
  }
  if (std::ferror(in.get())) fail(file, "cannot read");
  sum.xxh3 = hexadecimal(XXH3_64bits_digest(state.get()));
  return sum;
}

std::string difference(const FileSum& got, const FileSum& expected) {
  if (got.bytes != expected.bytes)
    return std::to_string(got.bytes) + " bytes, expected " + std::to_string(expected.bytes);
  if (got.xxh3 != expected.xxh3) return "checksum " + got.xxh3 + ", expected " + expected.xxh3;
  return {};
}

void sync_path(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path, "cannot open");
  const int code = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  errno = error;
  if (code != 0) fail(path, "cannot sync");
}

void replace_file(const fs::path& file, const std::string& text) {
  fs::path partial = file;
  partial += ".partial";
  try {
    errno = 0;
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) fail(file, "cannot write");
    sync_path(partial);
    fs::rename(partial, file);
  } catch (...) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    throw;
  }
  sync_path(file.has_parent_path() ? file.parent_path() : ".");
}

Manifest Manifest::write(const fs::path& dir, const json& facts) {
  Manifest result;
  result.dir_ = dir;
  result.facts_ = facts;
  json manifest = facts, files = json::array();
  for (const std::string& name : names_under(dir)) {
    sync_path(dir / name);
    const FileSum sum = sum_of_file(dir / name);
    result.files_[name] = sum;
    files.push_back({{"name", name}, {"bytes", sum.bytes}, {"xxh3", sum.xxh3}});
  }
  manifest["format"] = kFormat;
  manifest["files"] = std::move(files);
  result.xxh3_ = sum_of(manifest.dump()).xxh3;
  manifest["xxh3"] = result.xxh3_;
  replace_file(dir / kName, manifest.dump(2) + "\n");
  return result;
}

std::optional<Manifest> Manifest::read(const fs::path& dir) {
  std::ifstream in(dir / kName);
  if (!in) return std::nullopt;
  json manifest = json::parse(in, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("xxh3")) return std::nullopt;
  const json sum = manifest["xxh3"];
  manifest.erase("xxh3");
  if (manifest.value("format", json()) != kFormat || sum != sum_of(manifest.dump()).xxh3)
    return std::nullopt;
  auto files = files_of(manifest);
  if (!files) return std::nullopt;
  Manifest result;
  result.dir_ = dir;
  result.files_ = std::move(*files);
  result.xxh3_ = sum.get<std::string>();
  for (const char* key : {"format", "files"}) manifest.erase(key);
  result.facts_ = std::move(manifest);
  return result;
}

std::string Manifest::compare(const std::string& name, const FileSum& got) const {
  const auto expected = files_.find(name);
  if (expected == files_.end()) return name + ": is not among the files of " + kName;
  const std::string wrong = difference(got, expected->second);
  return wrong.empty() ? wrong : name + ": " + wrong;
}

std::string Manifest::check(const std::string& name) const {
  try {
    return compare(name, sum_of_file(dir_ / name));
  } catch (const std::runtime_error&) {
    return name + ": missing or not readable";
  }
}

std::string Manifest::check(const std::string& name, std::span<const std::byte> content) const {
  return compare(name, sum_of(content));
}

std::string Manifest::check_all() const {
  for (const auto& [name, sum] : files_) {
    if (auto wrong = check(name); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace charter::store
