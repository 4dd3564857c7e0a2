// A BPE vocabulary as data: what tokenizer.json or GGUF metadata holds, before the lookup tables of
// `Tokenizer` are built. Tokens are in one of two alphabets, except added tokens, which are plain
// text:
//   byte level   each byte is one printable code point ("Ġ" is a space; GPT-2's bytes_to_unicode)
//   metaspace    characters, with "▁" for a space; "<0x0A>" is a byte (SentencePiece: Llama 2,
//                Mistral 0.1 to 0.3)
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace charter::model {

struct AddedToken {
  int32_t id = 0;
  std::string text;         // plain UTF-8, matched before pre-tokenization
  bool special = true;      // left out by decode(skip_special)
  bool normalized = false;  // matched after normalization
  bool operator==(const AddedToken&) const = default;
};

// One pre-tokenizer step; steps apply in order, each to every piece of the one before.
struct PreTokenizerStep {
  enum class Kind {
    kSplit,   // isolate the matches of `pattern`; the text between matches is a piece too
    kDigits,  // isolate each digit (Unicode number), or each run of them
  };
  Kind kind = Kind::kSplit;
  std::string pattern = {};       // kSplit
  bool individual_digits = true;  // kDigits
  bool operator==(const PreTokenizerStep&) const = default;
};

// What a metaspace vocabulary has beyond a byte-level one.
struct Metaspace {
  // "▁" is put before what begins the text, or before each stretch between added tokens.
  enum class Prepend { kNever, kFirst, kAlways };
  Prepend prepend = Prepend::kAlways;
  // True: as the normalizers Prepend and Replace, and llama.cpp, write spaces: a text that begins
  // with one gets a second; kFirst does not occur. False: as the pre-tokenizer Metaspace does: it
  // gets no second.
  bool normalizer = true;
  bool byte_fallback = true;      // a character that is no token becomes the tokens of its bytes
  bool fuse_unk = true;           // several in a row become one unknown token
  bool strip_first_space = true;  // decoding leaves out a space at the very beginning
  std::optional<int32_t> unk_id;  // of a character that has no tokens
  // By id. In place of `merges`: two tokens merge when they are together a third, that of the
  // highest score first, of equal scores the leftmost (SentencePiece's own form).
  std::vector<float> scores = {};
  bool operator==(const Metaspace&) const = default;
};

struct TokenizerSpec {
  std::vector<std::string> tokens;                          // by id; "" where an id is unused
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  std::vector<AddedToken> added;                            // by id
  std::vector<PreTokenizerStep> pre;                        // before the byte mapping
  bool nfc = false;                                         // normalize to NFC first
  bool ignore_merges = false;          // a piece that is itself a token is taken whole (Llama 3)
  std::optional<Metaspace> metaspace;  // nothing: byte level
  // The reference puts this token before every text (Llama 3's begin-of-text); Tokenizer::encode
  // leaves that to its caller.
  std::optional<int32_t> prepend_id;
  std::optional<int32_t> bos_id, eos_id, pad_id, unk_id;
  std::vector<int32_t> end_ids;  // the model's ends of a text, set by load_model; eos_id or not
  bool operator==(const TokenizerSpec&) const = default;
};

// Of everything that decides ids and texts; stable between machines.
[[nodiscard]] uint64_t tokenizer_hash(const TokenizerSpec& spec);

// Reads the contents of tokenizer.json. Throws std::runtime_error naming `source` (a file, for the
// message) and the component that is malformed or asks for something we do not do.
[[nodiscard]] TokenizerSpec tokenizer_from_json(const nlohmann::json& json,
                                                const std::string& source);

// The contents of tokenizer.json, as the `tokenizers` library reads it. Scores become merges, which
// have no equal ranks: where pairs that make one token overlap, ids may differ.
[[nodiscard]] nlohmann::json tokenizer_to_json(const TokenizerSpec& spec);

// Sets pre, nfc and ignore_merges for a GGUF tokenizer.ggml.pre name. Returns whether llama.cpp
// begins a text with the token bos where a file with that name does not say.
// Throws std::runtime_error naming `source` for a name we do not know, listing those we do.
[[nodiscard]] bool set_gguf_pre_tokenizer(const std::string& name, const std::string& source,
                                          TokenizerSpec& spec);

// The pattern of ByteLevel(use_regex) in `tokenizers`: GPT-2's.
extern const char* const kGpt2Pattern;

}  // namespace charter::model
