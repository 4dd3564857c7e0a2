// The merge loop of BPE on one pre-tokenized piece.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/metaspace.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::model {

// The byte-to-character map of GPT-2: printable bytes stand for themselves, the others for U+0100
// on.
[[nodiscard]] const std::array<std::string, 256>& byte_alphabet();

// The bytes a stored token stands for; a token with a character outside the alphabet is plain text.
[[nodiscard]] std::string bytes_of_token(std::string_view token);

// Immutable after construction.
class Bpe {
 public:
  // Throws std::runtime_error when a merge names a token that the vocabulary lacks.
  Bpe(const TokenizerSpec& spec, const TokenIds& ids);

  // Appends the ids of one piece: repeatedly the pair of the lowest rank, the leftmost first. O(n
  // log n). A piece of a metaspace vocabulary has "▁" for its spaces.
  void encode(std::string_view piece, std::vector<int32_t>& out) const;

 private:
  struct Merge {
    uint64_t pair = ~uint64_t{0};  // left id << 32 | right id
    int32_t rank = 0;
    int32_t id = 0;
  };
  [[nodiscard]] const Merge* find(int32_t left, int32_t right) const;
  void insert(const RankedMerge& merge);
  void merge(std::vector<int32_t>& symbols) const;
  void merge_short(std::vector<int32_t>& symbols) const;
  void merge_long(std::vector<int32_t>& symbols) const;

  std::array<int32_t, 256> byte_ids_;              // byte level
  std::optional<MetaspaceCharacters> characters_;  // metaspace
  std::vector<Merge> table_;                       // open addressing, a power of two long
  uint64_t mask_ = 0;
};

}  // namespace charter::model
