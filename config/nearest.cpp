#include "config/nearest.hpp"

#include <algorithm>

#include "config/schema.hpp"
#include "config/value_text.hpp"

namespace charter::config {
namespace {

// The candidate with the smallest distance, if that is small enough to be a slip of the hand.
std::optional<std::string> nearest(const std::string& name,
                                   const std::vector<std::string>& candidates) {
  constexpr size_t kLongest = 100;  // no slip of the hand, and the distance takes its square
  if (name.size() > kLongest) return std::nullopt;
  std::optional<std::string> best;
  int best_distance = std::max<int>(2, static_cast<int>(name.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    const int distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::vector<KeyName> key_names() {
  const RunConfig defaults;
  std::vector<KeyName> names;
  for_each_key(defaults,
               [&names](const char* section, const char* key, const auto&, const KeyInfo&) {
                 names.push_back({section, key});
               });
  return names;
}

std::vector<std::string> section_names() {
  std::vector<std::string> names;
  for (const KeyName& name : key_names()) {
    if (std::find(names.begin(), names.end(), name.section) == names.end()) {
      names.push_back(name.section);
    }
  }
  return names;
}

int edit_distance(const std::string& a, const std::string& b) {
  const size_t n = a.size(), m = b.size();
  std::vector<std::vector<int>> d(n + 1, std::vector<int>(m + 1));
  for (size_t i = 0; i <= n; ++i) d[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= m; ++j) d[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= n; ++i) {
    for (size_t j = 1; j <= m; ++j) {
      const int change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[n][m];
}

std::string unknown_key(const std::string& section, const std::string& key) {
  std::vector<std::string> here, elsewhere;
  for (const KeyName& name : key_names()) {
    if (name.section == section) here.push_back(name.key);
    if (name.section != section && name.key == key) elsewhere.push_back(name.full());
  }
  const std::string what =
      (section.empty() ? "" : section + ".") + key_text(key) + ": unknown key; ";
  if (const auto name = nearest(key, here))
    return what + "did you mean " + section + "." + *name + "?";
  if (!elsewhere.empty()) return what + "did you mean " + elsewhere.front() + "?";
  if (here.empty()) return what + "keys stand in a section, one of " + joined(section_names());
  return what + "[" + section + "] has " + joined(here);
}

std::string unknown_section(const std::string& section) {
  const std::string what = "[" + key_text(section) + "]: unknown section; ";
  const std::vector<std::string> sections = section_names();
  if (const auto name = nearest(section, sections)) return what + "did you mean [" + *name + "]?";
  return what + "expected one of " + joined(sections);
}

}  // namespace charter::config
