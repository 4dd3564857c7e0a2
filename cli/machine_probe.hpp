// What a plan needs to know of the machine and of the model, found in well under a second.
#pragma once
#include <cstdint>
#include <filesystem>

#include "config/plan.hpp"

namespace charter::cli {

// Rate of a large float32 matrix product on `threads` threads, GFLOP/s, measured for about 0.3 s.
[[nodiscard]] double measure_gflops(int32_t threads);

// The sizes in a GGUF file's metadata or a directory's config.json; no tensor is read. Throws
// std::runtime_error naming file and key.
[[nodiscard]] config::ModelSizes model_sizes(const std::filesystem::path& model);

// Tokens that the model at this place can attend to. Throws as model_sizes.
[[nodiscard]] int64_t longest_context(const std::filesystem::path& model);

[[nodiscard]] int64_t memory_bytes();       // of the machine
[[nodiscard]] int64_t peak_memory_bytes();  // of this process so far, resident

}  // namespace charter::cli
