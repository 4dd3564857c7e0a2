#include "actors/kept_model.hpp"

#include <algorithm>
#include <cstring>

#include "store/manifest.hpp"

namespace charter::actors {
namespace {

namespace fs = std::filesystem;
using store::Manifest;

[[noreturn]] void refuse(const fs::path& kept, const std::string& wrong) {
  throw DamagedWeights(wrong +
                       "; it has changed since it was written: restore it from a backup, or move " +
                       kept.string() + " away and start the run again, which makes it anew");
}

// Damaged, where somebody else's file of that name is none of our business.
bool was_ours(const fs::path& manifest) {
  return fs::exists(manifest) &&
         model::read_text_file(manifest).find("\"xxh3\"") != std::string::npos;
}

// A snapshot's header holds the checksum of each of its tensors.
std::string header_sum(const fs::path& snapshot) {
  const auto file = model::MappedFile::open(snapshot);
  const auto bytes = file->bytes();
  uint64_t length = 0;
  if (bytes.size() < sizeof(length)) return {};
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > bytes.size() - sizeof(length)) return {};
  return store::sum_of(bytes.first(sizeof(length) + length)).xxh3;
}

}  // namespace

model::ModelFiles load_kept_model(const fs::path& path) {
  const auto manifest = Manifest::read(path);
  if (!manifest) {
    if (was_ours(path / Manifest::kName))
      refuse(path, (path / Manifest::kName).string() + ": is damaged, expected its own checksum");
    return model::load_model(path);
  }
  const auto expect = [&](const std::string& wrong) {
    if (!wrong.empty()) refuse(path, (path / wrong).string());
  };
  const auto is_mapped = [](const std::string& name) { return name.ends_with(".safetensors"); };
  for (const auto& [name, sum] : manifest->files()) {
    if (!is_mapped(name)) expect(manifest->check(name));
    if (!fs::exists(path / name)) expect(name + ": missing");
  }
  return model::load_model(path, [&](const model::MappedFile& file) {
    expect(manifest->check(fs::path(file.path()).filename().string(), file.bytes()));
  });
}

void save_kept_model(const model::ModelFiles& files, const fs::path& dir) {
  model::save_hf_directory(files, dir, [](const fs::path& complete) { Manifest::write(complete); });
}

void carry_format(model::ModelFiles& files, const PolicyText& text) {
  files.chat_template = text.template_source();
  auto& ends = files.config.eos_ids;
  if (std::find(ends.begin(), ends.end(), text.end_token()) == ends.end())
    ends.push_back(text.end_token());
}

model::Snapshot read_kept_snapshot(const fs::path& file) {
  if (!fs::exists(file)) return model::read_snapshot(file);  // says so
  try {
    return model::read_snapshot(file);
  } catch (const std::runtime_error& error) {
    refuse(file, error.what());
  }
}

std::string kept_sum(const fs::path& path) {
  if (!fs::is_directory(path)) return header_sum(path);
  const auto manifest = Manifest::read(path);
  return manifest ? manifest->xxh3() : "";
}

}  // namespace charter::actors
