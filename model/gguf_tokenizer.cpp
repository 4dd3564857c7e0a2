// The vocabulary of a GGUF file: tokenizer.ggml.model "gpt2" is byte-level BPE with merges, "llama"
// SentencePiece's BPE with scores.
#include <algorithm>
#include <optional>

#include "model/config_keys.hpp"
#include "model/gguf_model.hpp"
#include "model/input_error.hpp"
#include "model/metaspace.hpp"

namespace charter::model {
namespace {

enum TokenType : int64_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

[[noreturn]] void fail(const GgufFile& gguf, const std::string& what) {
  throw InputError(gguf.path() + ": " + what);
}

std::optional<int32_t> token_id(const GgufFile& gguf, const char* key, size_t vocab_size) {
  const auto* id = gguf.find<int64_t>(key);
  if (!id) return std::nullopt;
  if (*id < 0 || static_cast<size_t>(*id) >= vocab_size) {
    fail(gguf, "key " + std::string(key) + ": " + std::to_string(*id) + ", expected below " +
                   std::to_string(vocab_size));
  }
  return static_cast<int32_t>(*id);
}

bool flag(const GgufFile& gguf, const char* key, bool fallback) {
  const bool* value = gguf.find<bool>(key);
  return value ? *value : fallback;
}

const std::vector<int64_t>& read_types(const GgufFile& gguf, size_t tokens) {
  const auto& types = gguf.get<std::vector<int64_t>>("tokenizer.ggml.token_type");
  if (types.size() != tokens) {
    fail(gguf, "key tokenizer.ggml.token_type: " + std::to_string(types.size()) +
                   " entries, expected " + std::to_string(tokens));
  }
  return types;
}

// Byte-level files mark no token as unknown; where one does, it is ordinary text to llama.cpp too.
void read_tokens(const GgufFile& gguf, bool metaspace, TokenizerSpec& spec) {
  spec.tokens = gguf.get<std::vector<std::string>>("tokenizer.ggml.tokens");
  const auto& types = read_types(gguf, spec.tokens.size());
  for (size_t id = 0; id < types.size(); ++id) {
    const bool special = types[id] == kControl || (metaspace && types[id] == kUnknown);
    if (special || types[id] == kUserDefined) {
      spec.added.push_back(
          {.id = static_cast<int32_t>(id), .text = spec.tokens[id], .special = special});
    } else if (types[id] == kUnused) {
      spec.tokens[id].clear();
    }
  }
}

void read_merges(const GgufFile& gguf, TokenizerSpec& spec) {
  const auto& merges = gguf.get<std::vector<std::string>>("tokenizer.ggml.merges");
  spec.merges.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto space = merges[i].find(' ', 1);
    if (space == std::string::npos || space + 1 == merges[i].size()) {
      fail(gguf, "key tokenizer.ggml.merges: entry " + std::to_string(i) +
                     ": expected two tokens and a space");
    }
    spec.merges.emplace_back(merges[i].substr(0, space), merges[i].substr(space + 1));
  }
}

void check_byte_tokens(const GgufFile& gguf, const TokenizerSpec& spec) {
  const auto& types = read_types(gguf, spec.tokens.size());
  for (size_t id = 0; id < types.size(); ++id) {
    const std::string& token = spec.tokens[id];
    if (types[id] != kByte) continue;
    const std::string bytes = bytes_of_metaspace_token(token);
    if (bytes.size() != 1 || byte_token(static_cast<uint8_t>(bytes[0])) != token) {
      fail(gguf, "key tokenizer.ggml.tokens: entry " + std::to_string(id) + ": \"" +
                     token.substr(0, 40) + "\", expected <0x00> to <0xFF> for a byte");
    }
  }
}

std::optional<int32_t> first_unknown(const GgufFile& gguf, const TokenizerSpec& spec) {
  const auto& types = read_types(gguf, spec.tokens.size());
  const auto it = std::find(types.begin(), types.end(), kUnknown);
  if (it == types.end()) return std::nullopt;
  return static_cast<int32_t>(it - types.begin());
}

// llama.cpp puts a space before each stretch of text, as the normalizer Prepend does.
Metaspace read_metaspace(const GgufFile& gguf, const TokenizerSpec& spec) {
  check_byte_tokens(gguf, spec);
  Metaspace out;
  const bool space = flag(gguf, "tokenizer.ggml.add_space_prefix", true);
  out.prepend = space ? Metaspace::Prepend::kAlways : Metaspace::Prepend::kNever;
  out.strip_first_space = space;
  out.unk_id = spec.unk_id ? spec.unk_id : first_unknown(gguf, spec);
  const auto& scores = gguf.get<std::vector<double>>("tokenizer.ggml.scores");
  if (scores.size() != spec.tokens.size()) {
    fail(gguf, "key tokenizer.ggml.scores: " + std::to_string(scores.size()) +
                   " entries, expected " + std::to_string(spec.tokens.size()));
  }
  out.scores.assign(scores.begin(), scores.end());
  return out;
}

}  // namespace

TokenizerSpec tokenizer_from_gguf(const GgufFile& gguf) {
  check_gguf_vocabulary_keys(gguf);
  const auto& model = gguf.get<std::string>("tokenizer.ggml.model");
  const bool metaspace = model == "llama";
  if (!metaspace && model != "gpt2") {
    fail(gguf, "key tokenizer.ggml.model: \"" + model +
                   "\", expected gpt2 (byte-level BPE) or llama (SentencePiece BPE)");
  }
  TokenizerSpec spec;
  read_tokens(gguf, metaspace, spec);
  const size_t size = spec.tokens.size();
  spec.bos_id = token_id(gguf, "tokenizer.ggml.bos_token_id", size);
  spec.eos_id = token_id(gguf, "tokenizer.ggml.eos_token_id", size);
  spec.pad_id = token_id(gguf, "tokenizer.ggml.padding_token_id", size);
  spec.unk_id = token_id(gguf, "tokenizer.ggml.unknown_token_id", size);
  bool begins_with_bos = metaspace;
  if (metaspace) {
    spec.metaspace = read_metaspace(gguf, spec);
    try {
      check_metaspace(spec);
    } catch (const InputError& e) {
      fail(gguf, e.what());
    }
  } else {
    read_merges(gguf, spec);
    const auto* pre = gguf.find<std::string>("tokenizer.ggml.pre");
    begins_with_bos = set_gguf_pre_tokenizer(pre ? *pre : "(absent)",
                                             gguf.path() + ": key tokenizer.ggml.pre", spec);
  }
  // Where the file does not say, llama.cpp decides by the kind of vocabulary.
  if (flag(gguf, "tokenizer.ggml.add_bos_token", begins_with_bos)) {
    if (!spec.bos_id) {
      fail(gguf,
           "key tokenizer.ggml.bos_token_id: expected, since every text begins with that token, "
           "but absent");
    }
    spec.prepend_id = spec.bos_id;
  }
  return spec;
}

}  // namespace charter::model
