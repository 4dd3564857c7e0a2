// Reads what a tokenizer.json of SentencePiece's form says beside its tokens and merges. Two forms
// are known, from two generations of `transformers`' conversion of Llama's vocabulary:
//   normalizer Prepend and Replace, no pre-tokenizer
//   pre-tokenizer Metaspace, no normalizer
#include <algorithm>

#include "model/metaspace.hpp"
#include "model/tokenizer_json.hpp"

namespace charter::model {
namespace {

using nlohmann::json;
using Prepend = Metaspace::Prepend;

bool is_replace(const json& step, std::string_view from, std::string_view to) {
  return text_of(step, "type") == "Replace" && text_of(member(step, "pattern"), "String") == from &&
         text_of(step, "content") == to;
}

std::string types_of(const std::vector<json>& steps) {
  std::string out;
  for (const json& step : steps) out += (out.empty() ? "" : ", ") + text_of(step, "type");
  return out;
}

Prepend read_normalizers(const std::vector<json>& steps, const std::string& source) {
  const json& first = steps.front();
  const bool prepends = text_of(first, "type") == "Prepend" && steps.size() == 2 &&
                        text_of(first, "prepend") == kMetaspace;
  const bool replaces =
      (prepends || steps.size() == 1) && is_replace(steps.back(), " ", kMetaspace);
  if (!replaces) {
    fail(source, "normalizer " + types_of(steps) +
                     ": expected Prepend of \"▁\" and Replace of \" \" by it, or Replace alone");
  }
  return prepends ? Prepend::kAlways : Prepend::kNever;
}

Prepend read_pre_tokenizer(const json& step, const std::string& source) {
  const std::string name = "pre_tokenizer " + text_of(step, "type") + ": ";
  if (text_of(step, "type") != "Metaspace") fail(source, name + "expected Metaspace alone");
  if (text_of(step, "replacement") != kMetaspace) fail(source, name + "expected replacement \"▁\"");
  if (flag(step, "split", true)) fail(source, name + "expected split false");
  const std::string scheme = text_of(step, "prepend_scheme");
  if (scheme == "first") return Prepend::kFirst;
  if (scheme == "always") return Prepend::kAlways;
  if (scheme == "never") return Prepend::kNever;
  fail(source, name + "prepend_scheme \"" + scheme + "\", expected first, always or never");
}

// Whether the decoder strips a first space.
bool read_decoder(const json& decoder, const std::string& source) {
  const std::vector<json> steps = flatten(decoder, "decoders");
  const bool joins =
      (steps.size() == 3 || steps.size() == 4) && is_replace(steps[0], kMetaspace, " ") &&
      text_of(steps[1], "type") == "ByteFallback" && text_of(steps[2], "type") == "Fuse";
  const bool strips = joins && steps.size() == 4 && text_of(steps[3], "type") == "Strip" &&
                      text_of(steps[3], "content") == " " && member(steps[3], "start") == 1 &&
                      member(steps[3], "stop") == 0;
  if (!joins || (steps.size() == 4 && !strips)) {
    fail(source, "decoder " + (steps.empty() ? "null" : types_of(steps)) +
                     ": expected Replace of \"▁\" by \" \", ByteFallback, Fuse and perhaps Strip "
                     "of one \" \"");
  }
  return strips;
}

bool has_step(const json& component, const char* list, std::initializer_list<const char*> types) {
  const auto steps = flatten(component, list);
  return std::any_of(steps.begin(), steps.end(), [&](const json& step) {
    const std::string type = text_of(step, "type");
    return std::find(types.begin(), types.end(), type) != types.end();
  });
}

}  // namespace

bool is_metaspace_json(const json& root) {
  const json& pre = member(root, "pre_tokenizer");
  if (has_step(pre, "pretokenizers", {"ByteLevel"})) return false;
  return has_step(pre, "pretokenizers", {"Metaspace"}) ||
         has_step(member(root, "normalizer"), "normalizers", {"Prepend", "Replace"}) ||
         flag(member(root, "model"), "byte_fallback", false);
}

Metaspace metaspace_from_json(const json& root, const TokenizerSpec& spec,
                              const std::string& source) {
  const std::vector<json> normalizers = flatten(member(root, "normalizer"), "normalizers");
  const std::vector<json> pre = flatten(member(root, "pre_tokenizer"), "pretokenizers");
  if (normalizers.empty() == pre.empty()) {
    fail(source,
         "normalizer and pre_tokenizer: expected the normalizers Prepend and Replace, or the "
         "pre_tokenizer Metaspace, and not both");
  }
  if (pre.size() > 1) fail(source, "pre_tokenizer " + types_of(pre) + ": expected Metaspace alone");
  Metaspace out;
  out.normalizer = pre.empty();
  out.prepend =
      pre.empty() ? read_normalizers(normalizers, source) : read_pre_tokenizer(pre[0], source);
  out.strip_first_space = read_decoder(member(root, "decoder"), source);
  const json& model = member(root, "model");
  out.byte_fallback = flag(model, "byte_fallback", false);
  out.fuse_unk = flag(model, "fuse_unk", false);
  if (const std::string unk = text_of(model, "unk_token"); !unk.empty()) {
    const auto it = std::find(spec.tokens.begin(), spec.tokens.end(), unk);
    if (it == spec.tokens.end()) {
      fail(source, "key model.unk_token: \"" + unk + "\" is not in the vocabulary");
    }
    out.unk_id = static_cast<int32_t>(it - spec.tokens.begin());
  } else if (!(out.byte_fallback && has_all_byte_tokens(spec))) {
    fail(source,
         "key model.unk_token: expected one, for want of byte_fallback with a token <0x00> to "
         "<0xFF> for every byte");
  }
  return out;
}

}  // namespace charter::model
