#include "actors/model_identity.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/mapped_file.hpp"
#include "model/model_files.hpp"

namespace charter::actors {
namespace {

constexpr size_t kBlock = 4096, kBlocks = 256;

uint64_t hash(uint64_t seed, const void* data, size_t size) {
  return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t hash_file(uint64_t seed, const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  seed = hash(seed, name.data(), name.size());
  const auto file = model::MappedFile::open(path);
  const auto bytes = file->bytes();
  const uint64_t size = bytes.size();
  seed = hash(seed, &size, sizeof size);
  if (size <= 2 * kBlock * kBlocks) return hash(seed, bytes.data(), size);
  for (size_t i = 0; i < kBlocks; ++i) {
    const size_t at = (size - kBlock) / (kBlocks - 1) * i;
    seed = hash(seed, bytes.data() + (i + 1 == kBlocks ? size - kBlock : at), kBlock);
  }
  return seed;
}

}  // namespace

ModelIdentity identity_of(const std::filesystem::path& directory,
                          const model::TokenizerSpec& tokenizer) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  ModelIdentity identity{.model = 1, .tokenizer = model::tokenizer_hash(tokenizer)};
  for (const auto& file : files) identity.model = hash_file(identity.model, file);
  return identity;
}

ModelIdentity identity_of(const std::filesystem::path& directory) {
  return identity_of(directory, model::load_tokenizer(directory));
}

}  // namespace charter::actors
