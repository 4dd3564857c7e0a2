// The characters of SentencePiece-style BPE: "▁" for a space, "<0x0A>" for a byte (Kudo and
// Richardson 2018, arXiv:1808.06226), as the `tokenizers` library and llama.cpp treat them.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/tokenizer_spec.hpp"

namespace charter::model {

using TokenIds = std::unordered_map<std::string, int32_t>;

inline constexpr std::string_view kMetaspace = "\xE2\x96\x81";  // ▁, U+2581

// "<0x0A>" for 10.
[[nodiscard]] std::string byte_token(uint8_t byte);

// Whether the vocabulary has the tokens of all 256 bytes.
[[nodiscard]] bool has_all_byte_tokens(const TokenizerSpec& spec);

// The bytes a token stands for: one for a byte's token, else its text with spaces for "▁".
[[nodiscard]] std::string bytes_of_metaspace_token(std::string_view token);

// The text with "▁" for spaces, and one before it.
[[nodiscard]] std::string to_metaspace(std::string_view text, bool prepend);

// Throws std::runtime_error when scores are not one finite number for each token, the unknown token
// is not a token, or it is lacking where a character may need it.
void check_metaspace(const TokenizerSpec& spec);

// Two tokens that make a third. Of a text's pairs the lowest rank merges first, the leftmost of
// equal ones.
struct RankedMerge {
  int32_t left = 0, right = 0, id = 0;
  int32_t rank = 0;
};

// All of them, sorted by falling score. Added tokens and those of bytes take no part, as in
// SentencePiece. Throws std::runtime_error for a token longer than any vocabulary has.
[[nodiscard]] std::vector<RankedMerge> merges_by_score(const TokenizerSpec& spec,
                                                       const TokenIds& ids);

// The tokens that BPE starts from. Immutable after construction.
class MetaspaceCharacters {
 public:
  MetaspaceCharacters(const TokenizerSpec& spec, const TokenIds& ids);

  // Appends the tokens of the characters of `text`, which is valid UTF-8.
  void append(std::string_view text, std::vector<int32_t>& out) const;

  // Calls `piece` on stretches of text that no merge crosses: its words, each with the spaces
  // before it, or all of it when there are tokens that go on after a space.
  void split(std::string_view text, const std::function<void(std::string_view)>& piece) const;

 private:
  std::unordered_map<char32_t, int32_t> ids_;
  std::array<int32_t, 256> byte_ids_;  // -1: none
  std::optional<int32_t> unk_id_;
  bool fuse_unk_;
  bool words_;
};

}  // namespace charter::model
