// Where tests find a model: $CHARTER_MODEL, or where set-up puts the default one. Numbers of the
// default model are compared on it alone.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

namespace charter::model {

inline std::filesystem::path testing_model_path() {
  if (const char* given = std::getenv("CHARTER_MODEL")) return given;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home ? home : "/") /
         ".cache/charter/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

// By content, whatever the file is called: its size and XXH3-64 of its first MiB, which holds the
// sizes and the vocabulary's beginning.
inline bool is_default_model(const std::filesystem::path& path) {
  constexpr uintmax_t kBytes = 98'362'432;
  constexpr XXH64_hash_t kFirstMiB = 0x01e13def3d48167b;
  std::error_code none;
  if (std::filesystem::file_size(path, none) != kBytes || none) return false;
  std::string head(1 << 20, '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), static_cast<std::streamsize>(1 << 20));
  return XXH3_64bits(head.data(), head.size()) == kFirstMiB;
}

}  // namespace charter::model

// For a test whose numbers are of the default model.
#define SKIP_UNLESS_DEFAULT_MODEL()                                                       \
  if (const auto at = charter::model::testing_model_path(); !std::filesystem::exists(at)) \
    GTEST_SKIP() << "no model at " << at << ": scripts/install.sh fetches it";            \
  else if (!charter::model::is_default_model(at))                                         \
  GTEST_SKIP() << at << " is not SmolLM2-135M-Instruct.Q4_1.gguf, whose numbers are compared here"
