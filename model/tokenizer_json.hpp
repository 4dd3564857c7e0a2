// What the readers of tokenizer.json share. Included by them alone.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/input_error.hpp"
#include "model/tokenizer_spec.hpp"

namespace charter::model {

// Whether the file describes a metaspace vocabulary: no ByteLevel, but something of the other form.
[[nodiscard]] bool is_metaspace_json(const nlohmann::json& root);

// Its normalizer, pre-tokenizer, decoder and the model's flags; `spec` has the tokens.
// Throws std::runtime_error naming `source` and the component.
[[nodiscard]] Metaspace metaspace_from_json(const nlohmann::json& root, const TokenizerSpec& spec,
                                            const std::string& source);

[[noreturn]] inline void fail(const std::string& source, const std::string& what) {
  throw InputError(source + ": " + what);
}

inline const nlohmann::json& member(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

inline bool flag(const nlohmann::json& object, const char* key, bool fallback) {
  const nlohmann::json& value = member(object, key);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

inline std::string text_of(const nlohmann::json& object, const char* key) {
  const nlohmann::json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

// A component, or the members of a Sequence of them.
inline std::vector<nlohmann::json> flatten(const nlohmann::json& component, const char* list_key) {
  if (component.is_null()) return {};
  if (text_of(component, "type") != "Sequence") return {component};
  std::vector<nlohmann::json> out;
  const nlohmann::json& list = member(component, list_key);
  if (list.is_array()) out.assign(list.begin(), list.end());
  return out;
}

}  // namespace charter::model
