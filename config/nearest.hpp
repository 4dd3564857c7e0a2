// Names of sections and keys, and the nearest of them to a misspelt one.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace charter::config {

struct KeyName {
  std::string section, key;
  [[nodiscard]] std::string full() const { return section + "." + key; }
};

[[nodiscard]] std::vector<KeyName> key_names();          // in the order of the file
[[nodiscard]] std::vector<std::string> section_names();  // likewise

// Insertions, deletions, substitutions and swaps of neighbours that turn a into b.
[[nodiscard]] int edit_distance(const std::string& a, const std::string& b);

// "rl.batchh: unknown key; did you mean rl.batch?"; without anything near, lists what there is.
[[nodiscard]] std::string unknown_key(const std::string& section, const std::string& key);
// "[rll]: unknown section; did you mean [rl]?"
[[nodiscard]] std::string unknown_section(const std::string& section);

}  // namespace charter::config
