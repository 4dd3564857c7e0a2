// Writes tokenizer.json for the `tokenizers` library.
#include <nlohmann/json.hpp>

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

json pre_tokenizer_to_json(const TokenizerSpec& spec) {
  std::vector<json> steps;
  for (const auto& step : spec.pre) steps.push_back(step_to_json(step));
  const bool gpt2_last = !spec.pre.empty() && spec.pre.back().pattern == kGpt2Pattern;
  if (gpt2_last) steps.pop_back();
  steps.push_back(byte_level(gpt2_last));
  if (steps.size() == 1) return steps[0];
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

json post_processor_to_json(const TokenizerSpec& spec) {
  if (!spec.prepend_id) return byte_level(true);
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

}  // namespace

json tokenizer_to_json(const TokenizerSpec& spec) {
  json vocab = json::object();
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) vocab[spec.tokens[id]] = id;
  }
  json merges = json::array();
  for (const auto& [left, right] : spec.merges) merges.push_back(json::array({left, right}));
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
          {"normalizer", spec.nfc ? json{{"type", "NFC"}} : json()},
          {"pre_tokenizer", pre_tokenizer_to_json(spec)},
          {"post_processor", post_processor_to_json(spec)},
          {"decoder", byte_level(true)},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", spec.ignore_merges},
            {"vocab", vocab},
            {"merges", merges}}}};
}

}  // namespace charter::model
