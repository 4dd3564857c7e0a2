#include <string_view>

#include "config/schema.hpp"
#include "config/value_text.hpp"

namespace charter::config {

std::string to_toml(const RunConfig& config) {
  std::string text;
  std::string_view open;
  for_each_key(config,
               [&](const char* section, const char* key, const auto& field, const KeyInfo&) {
                 if (open != section) {
                   text += std::string(text.empty() ? "" : "\n") + "[" + section + "]\n";
                   open = section;
                 }
                 text += std::string(key) + " = " + value_text(field) + "\n";
               });
  return text;
}

}  // namespace charter::config
