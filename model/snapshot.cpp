#include "model/snapshot.hpp"

#include <ATen/ATen.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>
#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "model/mapped_file.hpp"
#include "model/safetensors.hpp"

namespace charter::model {
namespace {

// Keys of ours in the header's metadata; the snapshot's own metadata is kept under kUser.
constexpr const char* kModel = "charter.model";
constexpr const char* kLineage = "charter.lineage";
constexpr const char* kVersion = "charter.version";
constexpr const char* kIdentity = "charter.xxh3";
const std::string kUser = "user.";
const std::string kTensor = "xxh3.";

std::string hex(uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string tensor_hash(const at::Tensor& tensor) {
  return hex(XXH3_64bits(tensor.const_data_ptr(), tensor.nbytes()));
}

std::string file_hash(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return hex(XXH3_64bits(file->bytes().data(), file->bytes().size()));
}

// Covers what no tensor's checksum does: version, names, shapes, metadata.
std::string identity_hash(const Snapshot& snapshot) {
  std::ostringstream text;
  const auto field = [&text](const std::string& value) { text << value.size() << ':' << value; };
  field(snapshot.model);
  text << snapshot.lineage << ',' << snapshot.version << ';';
  for (const auto& [name, tensor] : snapshot.tensors) {
    field(name);
    text << tensor.sizes();
  }
  for (const auto& [key, value] : snapshot.metadata) {
    field(key);
    field(value);
  }
  const std::string all = text.str();
  return hex(XXH3_64bits(all.data(), all.size()));
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

const std::string& header_field(const SafetensorsContent& content,
                                const std::filesystem::path& path, const std::string& key) {
  const auto found = content.metadata.find(key);
  if (found == content.metadata.end()) {
    fail(path, "metadata key " + key + " is missing, expected a snapshot");
  }
  return found->second;
}

int64_t header_number(const SafetensorsContent& content, const std::filesystem::path& path,
                      const std::string& key) {
  const std::string& text = header_field(content, path, key);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail(path, "metadata key " + key + ": '" + text + "', expected a whole number");
  }
  return value;
}

}  // namespace

std::string write_snapshot(const Snapshot& snapshot, const std::filesystem::path& path,
                           bool durable) {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
  for (const auto& [name, tensor] : snapshot.tensors) {
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    metadata[kTensor + name] = tensor_hash(host);
    tensors[name] = host;
  }
  for (const auto& [key, value] : snapshot.metadata) metadata[kUser + key] = value;
  metadata[kModel] = snapshot.model;
  metadata[kLineage] = std::to_string(snapshot.lineage);
  metadata[kVersion] = std::to_string(snapshot.version);
  metadata[kIdentity] = identity_hash(snapshot);
  // The writer always syncs: on the memory file systems that live snapshots use, that costs
  // nothing.
  write_safetensors(path, tensors, metadata);
  if (durable) sync_directory(path.has_parent_path() ? path.parent_path() : ".");
  return file_hash(path);
}

Snapshot read_snapshot(const std::filesystem::path& path, const std::string& checksum) {
  if (!checksum.empty()) {
    const std::string got = file_hash(path);
    if (got != checksum) fail(path, "checksum " + got + ", expected " + checksum);
  }
  SafetensorsContent content = read_safetensors(path);
  Snapshot result;
  result.model = header_field(content, path, kModel);
  result.lineage = header_number(content, path, kLineage);
  result.version = header_number(content, path, kVersion);
  for (const auto& [key, value] : content.metadata) {
    if (key.starts_with(kUser)) result.metadata[key.substr(kUser.size())] = value;
  }
  for (const auto& [name, tensor] : content.tensors) {
    const std::string& expected = header_field(content, path, kTensor + name);
    const std::string got = tensor_hash(tensor);
    if (got != expected) {
      fail(path, "tensor " + name + ": checksum " + got + ", expected " + expected);
    }
  }
  result.tensors = std::move(content.tensors);
  if (identity_hash(result) != header_field(content, path, kIdentity)) {
    fail(path, "header: its checksum differs, expected the names, shapes and version written");
  }
  return result;
}

}  // namespace charter::model
