// BPE, byte-level or SentencePiece-style: text to token ids and back, equal to the `tokenizers`
// library on valid UTF-8. BPE: Sennrich et al. 2016, arXiv:1508.07909; byte level: GPT-2.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer_spec.hpp"

namespace charter::model {

// What a text follows. Metaspace vocabularies put a space before some texts, but before none that
// goes on after another; for byte-level ones it makes no difference.
enum class Before { kNothing, kToken, kText };

// Immutable after construction; safe to use from several threads at once.
class Tokenizer {
 public:
  // Throws std::runtime_error with one line when a merge or a token is inconsistent or a pattern
  // does not compile.
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // The text of special tokens becomes their ids with parse_special, ordinary text without it (give
  // false for text a user wrote). Invalid UTF-8 is first replaced as Python's errors="replace"
  // does: one U+FFFD for each maximal part of a character. A byte the vocabulary has no token for
  // is left out, as the reference does. No begin-of-text token is added.
  [[nodiscard]] std::vector<int32_t> encode(std::string_view text, bool parse_special = true,
                                            Before before = Before::kNothing) const;

  // Valid UTF-8: each maximal part that is not becomes one U+FFFD, in either alphabet. A metaspace
  // vocabulary's first space is left out. An id without a token decodes to nothing;
  // std::invalid_argument for a negative one.
  [[nodiscard]] std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // The bytes of one token; half a character, perhaps.
  [[nodiscard]] std::string_view token_bytes(int32_t id) const;

  [[nodiscard]] std::optional<int32_t> id_of(
      std::string_view token) const;  // "<|im_end|>", or "Ġthe"
  [[nodiscard]] bool is_special(int32_t id) const;
  [[nodiscard]] int64_t vocab_size() const;  // ids are below it; the embedding may have more rows
  [[nodiscard]] const TokenizerSpec& spec() const;
  [[nodiscard]] uint64_t hash() const;  // of everything that decides ids; stable between machines
  [[nodiscard]] std::string hash_hex() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

// Decodes a stream of ids: holds bytes back until they make a whole character, so that the pieces
// joined are decode() of all. Used by one thread; the tokenizer must outlive it.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}
  [[nodiscard]] std::string push(int32_t id);  // what can be shown now
  [[nodiscard]] std::string finish();          // the rest: an unfinished character becomes U+FFFD

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  bool at_start_ = true;  // nothing has come yet
  std::string pending_;
};

}  // namespace charter::model
