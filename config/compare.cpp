#include "config/schema.hpp"
#include "config/value_text.hpp"

namespace charter::config {

ResumeDifference compare_for_resume(const RunConfig& original, const RunConfig& edited) {
  std::vector<std::string> before;
  for_each_key(original, [&before](const char*, const char*, const auto& field, const KeyInfo&) {
    before.push_back(value_text(field));
  });
  ResumeDifference difference;
  size_t index = 0;
  for_each_key(edited,
               [&](const char* section, const char* key, const auto& field, const KeyInfo& info) {
                 const std::string& old_value = before[index++];
                 const std::string new_value = value_text(field);
                 if (old_value == new_value) return;
                 const std::string line =
                     std::string(section) + "." + key + ": " + old_value + " -> " + new_value;
                 (info.on_resume ? difference.accepted : difference.refused).push_back(line);
               });
  return difference;
}

}  // namespace charter::config
