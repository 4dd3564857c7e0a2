// What processes that exchange tokens of a model must agree on: the handshake compares it. Cheap
// enough for every start: a model of gigabytes is not read.
#pragma once
#include <cstdint>
#include <filesystem>

#include "actors/transport/link.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::actors {

struct ModelIdentity {
  uint64_t model = 0;      // 0: none
  uint64_t tokenizer = 0;  // model/tokenizer_spec.hpp

  void put_into(transport::Hello& hello) const {
    hello.model_hash = model;
    hello.tokenizer_hash = tokenizer;
  }
};

// Of the files of a model's directory: each one's name, length and content, where more than 2 MiB
// of it are 256 blocks of 4 KiB, evenly spread, the first (a safetensors header) and the last among
// them. Equal for copies, and different for models that were trained apart. Throws
// std::runtime_error naming the file that does not read.
[[nodiscard]] ModelIdentity identity_of(const std::filesystem::path& directory,
                                        const model::TokenizerSpec& tokenizer);
// Reads the tokenizer too.
[[nodiscard]] ModelIdentity identity_of(const std::filesystem::path& directory);

}  // namespace charter::actors
