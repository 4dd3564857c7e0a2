// Reads tokenizer.json of the `tokenizers` library.
#include "model/tokenizer_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "model/input_error.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

int32_t read_id(const json& value, size_t limit, const std::string& where) {
  const bool natural = value.is_number_integer() && (value.is_number_unsigned() || value >= 0);
  if (!natural || value.get<uint64_t>() >= limit) {
    throw InputError(where + ": id " + value.dump() + ", expected a number below " +
                     std::to_string(limit));
  }
  return value.get<int32_t>();
}

void put(TokenizerSpec& spec, int32_t id, const std::string& text, const std::string& where) {
  const auto at = static_cast<size_t>(id);
  if (at >= spec.tokens.size()) spec.tokens.resize(at + 1);
  if (!spec.tokens[at].empty() && spec.tokens[at] != text) {
    throw InputError(where + ": id " + std::to_string(id) + " is also \"" +
                     spec.tokens[at].substr(0, 40) + "\"");
  }
  spec.tokens[at] = text;
}

void read_vocab(const json& model, const json& added, const std::string& source,
                TokenizerSpec& spec) {
  const json& vocab = member(model, "vocab");
  if (!vocab.is_object()) fail(source, "key model.vocab: expected an object of token to id");
  // Ids may leave gaps, but a few bytes of JSON must not make us reserve gigabytes.
  const size_t limit = 4 * (vocab.size() + added.size()) + 1024;
  for (const auto& [token, id] : vocab.items()) {
    const std::string where = source + ": key model.vocab: \"" + token.substr(0, 40) + "\"";
    put(spec, read_id(id, limit, where), token, where);
  }
  for (const auto& entry : added) {
    AddedToken token{.text = text_of(entry, "content"),
                     .special = flag(entry, "special", false),
                     .normalized = flag(entry, "normalized", false)};
    const std::string where = source + ": added token \"" + token.text.substr(0, 40) + "\"";
    if (token.text.empty()) fail(source, "key added_tokens: content: expected a text");
    for (const char* key : {"lstrip", "rstrip", "single_word"}) {
      if (flag(entry, key, false)) fail(where, std::string(key) + " is not supported");
    }
    token.id = read_id(member(entry, "id"), limit, where);
    put(spec, token.id, token.text, where);
    spec.added.push_back(std::move(token));
  }
  std::sort(spec.added.begin(), spec.added.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

void read_merges(const json& model, const std::string& source, TokenizerSpec& spec) {
  const json& merges = member(model, "merges");
  if (!merges.is_array()) fail(source, "key model.merges: expected a list");
  spec.merges.reserve(merges.size());
  for (const auto& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      spec.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const auto space = text.find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == text.size()) {
      fail(source, "key model.merges: entry " + std::to_string(spec.merges.size()) +
                       ": expected two tokens");
    }
    spec.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
}

void read_model(const json& model, const std::string& source, TokenizerSpec& spec) {
  const std::string type = text_of(model, "type");
  if (type != "BPE" && !type.empty()) {
    fail(source, "key model.type: \"" + type + "\", expected BPE");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!text_of(model, key).empty())
      fail(source, std::string("key model.") + key + ": not supported");
  }
  if (!member(model, "dropout").is_null() && member(model, "dropout") != 0.0) {
    fail(source, "key model.dropout: expected null");
  }
  spec.ignore_merges = flag(model, "ignore_merges", false);
  read_merges(model, source, spec);
}

std::string escaped(const std::string& literal) {
  std::string out;
  for (const char c : literal) {
    if (std::string_view("\\^$.[]|()?*+{}#-").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

PreTokenizerStep read_split(const json& step, const std::string& source) {
  if (text_of(step, "behavior") != "Isolated" || flag(step, "invert", false)) {
    fail(source, "pre_tokenizer Split: expected behavior Isolated, not inverted");
  }
  const json& pattern = member(step, "pattern");
  std::string regex = text_of(pattern, "Regex");
  if (regex.empty()) regex = escaped(text_of(pattern, "String"));
  if (regex.empty()) fail(source, "pre_tokenizer Split: expected a Regex or String pattern");
  return {.kind = PreTokenizerStep::Kind::kSplit, .pattern = regex};
}

void read_pre_tokenizer(const json& component, const std::string& source, TokenizerSpec& spec) {
  bool byte_level = false;
  for (const json& step : flatten(component, "pretokenizers")) {
    const std::string type = text_of(step, "type");
    if (byte_level) fail(source, "pre_tokenizer " + type + ": expected nothing after ByteLevel");
    if (type == "ByteLevel") {
      byte_level = true;
      if (flag(step, "add_prefix_space", true)) {
        fail(source, "pre_tokenizer ByteLevel: add_prefix_space is not supported");
      }
      if (flag(step, "use_regex", true)) {
        spec.pre.push_back({.kind = PreTokenizerStep::Kind::kSplit, .pattern = kGpt2Pattern});
      }
    } else if (type == "Digits") {
      spec.pre.push_back({.kind = PreTokenizerStep::Kind::kDigits,
                          .individual_digits = flag(step, "individual_digits", false)});
    } else if (type == "Split") {
      spec.pre.push_back(read_split(step, source));
    } else {
      fail(source, "pre_tokenizer \"" + type +
                       "\" is not supported: expected Metaspace, or ByteLevel, Digits or Split");
    }
  }
  if (!byte_level) fail(source, "pre_tokenizer: expected Metaspace, or ByteLevel as its last step");
}

void read_normalizer(const json& component, const std::string& source, TokenizerSpec& spec) {
  for (const json& step : flatten(component, "normalizers")) {
    if (text_of(step, "type") != "NFC") {
      fail(source, "normalizer \"" + text_of(step, "type") + "\" is not supported: expected NFC");
    }
    spec.nfc = true;
  }
}

void read_post_processor(const json& component, const std::string& source, TokenizerSpec& spec) {
  for (const json& step : flatten(component, "processors")) {
    const std::string type = text_of(step, "type");
    if (type == "ByteLevel") continue;
    if (type != "TemplateProcessing")
      fail(source, "post_processor \"" + type + "\" is not supported");
    const json& single = member(step, "single");
    const bool has_text =
        single.is_array() && !single.empty() && single.back().contains("Sequence");
    if (!has_text || single.size() > 2) {
      fail(source,
           "post_processor TemplateProcessing: expected at most one token, before the text");
    }
    if (single.size() == 1) continue;
    const std::string token = text_of(member(single[0], "SpecialToken"), "id");
    const auto it = std::find(spec.tokens.begin(), spec.tokens.end(), token);
    if (token.empty() || it == spec.tokens.end()) {
      fail(source,
           "post_processor TemplateProcessing: token \"" + token + "\" is not in the vocabulary");
    }
    spec.prepend_id = static_cast<int32_t>(it - spec.tokens.begin());
  }
}

void read_byte_level(const json& root, const std::string& source, TokenizerSpec& spec) {
  if (flag(member(root, "model"), "byte_fallback", false)) {
    fail(source, "key model.byte_fallback: true, expected false with ByteLevel");
  }
  read_normalizer(member(root, "normalizer"), source, spec);
  read_pre_tokenizer(member(root, "pre_tokenizer"), source, spec);
}

}  // namespace

TokenizerSpec tokenizer_from_json(const json& root, const std::string& source) {
  if (!root.is_object()) fail(source, "expected a JSON object");
  TokenizerSpec spec;
  const json& model = member(root, "model");
  const json& added = member(root, "added_tokens");
  read_model(model, source, spec);
  read_vocab(model, added.is_array() ? added : json::array(), source, spec);
  if (is_metaspace_json(root)) {
    spec.metaspace = metaspace_from_json(root, spec, source);
  } else {
    read_byte_level(root, source, spec);
  }
  read_post_processor(member(root, "post_processor"), source, spec);
  return spec;
}

}  // namespace charter::model
