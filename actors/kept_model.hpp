// The models that a run keeps under weights/: written with a manifest of their files, read against
// it. A directory that a user brings has none and is read as it is.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>

#include "actors/policy_text.hpp"
#include "model/model_files.hpp"
#include "model/snapshot.hpp"

namespace charter::actors {

// A file of a run's own models is not as it was written. No start of anything that reads it changes
// that.
struct DamagedWeights : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// As model::load_model. Where the directory has a manifest.json of ours, every file of it is as it
// was written: a model's tensors are summed up while they are mapped and not read a second time.
// Throws DamagedWeights, one line with the file, what it is, what was expected and what to do.
[[nodiscard]] model::ModelFiles load_kept_model(const std::filesystem::path& path);

// As model::save_hf_directory, with a manifest.
void save_kept_model(const model::ModelFiles& files, const std::filesystem::path& dir);

// Whoever reads the model writes conversations as `text` did when it was trained, and ends an
// answer where they ended: its chat template, and its end-of-turn token among the ends of a text.
void carry_format(model::ModelFiles& files, const PolicyText& text);

// As model::read_snapshot, which knows its file's checksums; the error says what to do.
[[nodiscard]] model::Snapshot read_kept_snapshot(const std::filesystem::path& file);

// A checksum of what is kept there, without reading all of it: of a directory its manifest's, of a
// snapshot its header's. Empty: neither is there.
[[nodiscard]] std::string kept_sum(const std::filesystem::path& path);

}  // namespace charter::actors
