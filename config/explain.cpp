#include "config/explain.hpp"

#include <type_traits>

#include "config/nearest.hpp"
#include "config/schema.hpp"
#include "config/value_text.hpp"

namespace charter::config {
namespace {

template <class Field>
std::string accepted(const Field&, const KeyInfo& info) {
  if constexpr (std::is_same_v<Field, bool>) {
    return "true or false";
  } else if constexpr (std::is_same_v<Field, std::string>) {
    if (info.path) return "path, relative to the file that names it";
    std::string text;
    for (const std::string& choice : info.choices) text += (text.empty() ? "" : ", ") + choice;
    return text.empty() ? "text" : text;
  } else {
    const auto bound = [](double value) {
      return std::is_integral_v<Field> ? std::to_string(static_cast<int64_t>(value))
                                       : value_text(value);
    };
    return bound(info.min) + " to " + bound(info.max) + (info.unit.empty() ? "" : " " + info.unit);
  }
}

}  // namespace

std::vector<KeyExplanation> explanations(const RunConfig& config, const std::string& wanted) {
  std::vector<std::string> defaults;
  const RunConfig untouched;
  for_each_key(untouched, [&defaults](const char*, const char*, const auto& field, const KeyInfo&) {
    defaults.push_back(value_text(field));
  });
  std::vector<KeyExplanation> rows;
  size_t index = 0;
  for_each_key(config,
               [&](const char* section, const char* key, const auto& field, const KeyInfo& info) {
                 const std::string& default_text = defaults[index++];
                 const std::string name = std::string(section) + "." + key;
                 if (!wanted.empty() && wanted != section && wanted != name) return;
                 rows.push_back({name, value_text(field), default_text, accepted(field, info),
                                 info.help, info.on_resume});
               });
  if (rows.empty()) {
    const size_t dot = wanted.find('.');
    throw ConfigError(dot == std::string::npos
                          ? unknown_section(wanted)
                          : unknown_key(wanted.substr(0, dot), wanted.substr(dot + 1)));
  }
  return rows;
}

std::string explain(const RunConfig& config, const std::string& section_or_key) {
  std::string text;
  for (const KeyExplanation& row : explanations(config, section_or_key)) {
    text += row.name + " = " + row.value;
    if (row.value != row.default_value) text += "  (default " + row.default_value + ")";
    text += "  [" + row.accepted + "]  " + row.help;
    text += row.on_resume ? "; may change on resume\n" : "; fixed for the run\n";
  }
  return text;
}

}  // namespace charter::config
