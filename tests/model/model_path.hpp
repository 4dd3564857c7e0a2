// Where tests find the default model: $CHARTER_MODEL, or where set-up puts it.
#pragma once
#include <cstdlib>
#include <filesystem>

namespace charter::model {

inline std::filesystem::path testing_model_path() {
  if (const char* given = std::getenv("CHARTER_MODEL")) return given;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home ? home : "/") /
         ".cache/charter/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

}  // namespace charter::model
