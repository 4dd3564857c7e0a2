// The pre-tokenizers that GGUF files name.
#include <map>
#include <stdexcept>

#include "model/input_error.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::model {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

// The tokenizer.json of Llama 3, Qwen 2 and Mistral Nemo.
constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Row {
  std::vector<PreTokenizerStep> pre;
  bool nfc = false;
  bool ignore_merges = false;
  bool begins_with_bos = false;
};

PreTokenizerStep split(const char* pattern) {
  return {.kind = PreTokenizerStep::Kind::kSplit, .pattern = pattern};
}

const std::map<std::string, Row>& rows() {
  static const PreTokenizerStep digits{.kind = PreTokenizerStep::Kind::kDigits};
  static const std::map<std::string, Row> kRows = {
      {"gpt-2", {{split(kGpt2Pattern)}}},
      {"smollm", {{digits, split(kGpt2Pattern)}}},
      {"llama-bpe", {{split(kLlama3Pattern)}, false, true, true}},
      {"qwen2", {{split(kQwen2Pattern)}, true, false}},
      {"tekken", {{split(kTekkenPattern)}, false, true, true}},
  };
  return kRows;
}

}  // namespace

bool set_gguf_pre_tokenizer(const std::string& name, const std::string& source,
                            TokenizerSpec& spec) {
  const auto it = rows().find(name);
  if (it == rows().end()) {
    std::string known;
    for (const auto& [key, row] : rows()) known += (known.empty() ? "" : ", ") + key;
    throw InputError(source + ": unknown pre-tokenizer \"" + name + "\", expected one of " + known);
  }
  spec.pre = it->second.pre;
  spec.nfc = it->second.nfc;
  spec.ignore_merges = it->second.ignore_merges;
  return it->second.begins_with_bos;
}

}  // namespace charter::model
