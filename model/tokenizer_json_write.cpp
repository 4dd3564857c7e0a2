// Writes tokenizer.json for the `tokenizers` library.
#include <nlohmann/json.hpp>

#include "model/metaspace.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::model {
namespace {

using nlohmann::json;

json step_to_json(const PreTokenizerStep& step) {
  if (step.kind == PreTokenizerStep::Kind::kDigits) {
    return {{"type", "Digits"}, {"individual_digits", step.individual_digits}};
  }
  return {{"type", "Split"},
          {"pattern", {{"Regex", step.pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

json replace(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

json normalizer_to_json(const TokenizerSpec& spec) {
  if (!spec.metaspace) return spec.nfc ? json{{"type", "NFC"}} : json();
  if (!spec.metaspace->normalizer) return nullptr;
  const json spaces = replace(" ", kMetaspace);
  if (spec.metaspace->prepend == Metaspace::Prepend::kNever) return spaces;
  const json first = {{"type", "Prepend"}, {"prepend", kMetaspace}};
  return {{"type", "Sequence"}, {"normalizers", json::array({first, spaces})}};
}

json metaspace_pre_tokenizer(const Metaspace& m) {
  if (m.normalizer) return nullptr;
  const char* scheme = m.prepend == Metaspace::Prepend::kFirst    ? "first"
                       : m.prepend == Metaspace::Prepend::kAlways ? "always"
                                                                  : "never";
  return {{"type", "Metaspace"},
          {"replacement", kMetaspace},
          {"prepend_scheme", scheme},
          {"split", false}};
}

json decoder_to_json(const TokenizerSpec& spec) {
  if (!spec.metaspace) return byte_level(true);
  json steps = {replace(kMetaspace, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (spec.metaspace->strip_first_space) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", steps}};
}

json pre_tokenizer_to_json(const TokenizerSpec& spec) {
  if (spec.metaspace) return metaspace_pre_tokenizer(*spec.metaspace);
  std::vector<json> steps;
  for (const auto& step : spec.pre) steps.push_back(step_to_json(step));
  const bool gpt2_last = !spec.pre.empty() && spec.pre.back().pattern == kGpt2Pattern;
  if (gpt2_last) steps.pop_back();
  steps.push_back(byte_level(gpt2_last));
  if (steps.size() == 1) return steps[0];
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

json post_processor_to_json(const TokenizerSpec& spec) {
  if (!spec.prepend_id) return spec.metaspace ? json() : byte_level(true);
  const std::string& token = spec.tokens.at(static_cast<size_t>(*spec.prepend_id));
  const json first = {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
  const json a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json b = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  const json special = {{token, {{"id", token}, {"ids", {*spec.prepend_id}}, {"tokens", {token}}}}};
  return {{"type", "TemplateProcessing"},
          {"single", {first, a}},
          {"pair", {first, a, b}},
          {"special_tokens", special}};
}

json merges_to_json(const TokenizerSpec& spec) {
  json out = json::array();
  for (const auto& [left, right] : spec.merges) out.push_back(json::array({left, right}));
  if (!spec.metaspace || spec.metaspace->scores.empty()) return out;
  TokenIds ids;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) ids.emplace(spec.tokens[id], static_cast<int32_t>(id));
  }
  const auto text = [&](int32_t id) { return spec.tokens[static_cast<size_t>(id)]; };
  for (const RankedMerge& m : merges_by_score(spec, ids)) {
    out.push_back(json::array({text(m.left), text(m.right)}));
  }
  return out;
}

json model_to_json(const TokenizerSpec& spec) {
  json vocab = json::object();
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) vocab[spec.tokens[id]] = id;
  }
  const auto& m = spec.metaspace;
  const bool unk = m && m->unk_id;
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unk ? json(spec.tokens.at(static_cast<size_t>(*m->unk_id))) : json()},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", m && m->fuse_unk},
          {"byte_fallback", m && m->byte_fallback},
          {"ignore_merges", spec.ignore_merges},
          {"vocab", vocab},
          {"merges", merges_to_json(spec)}};
}

}  // namespace

json tokenizer_to_json(const TokenizerSpec& spec) {
  json added = json::array();
  for (const auto& t : spec.added) {
    added.push_back({{"id", t.id},
                     {"content", t.text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", t.normalized},
                     {"special", t.special}});
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", normalizer_to_json(spec)},
          {"pre_tokenizer", pre_tokenizer_to_json(spec)},
          {"post_processor", post_processor_to_json(spec)},
          {"decoder", decoder_to_json(spec)},
          {"model", model_to_json(spec)}};
}

}  // namespace charter::model
