// JSON as values of a template.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/jinja/template.hpp"

namespace charter::model::jinja {

inline Value value_of(Run& run, const nlohmann::ordered_json& json) {
  if (json.is_string()) return run.text(json.get<std::string>());
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_null()) return None{};
  if (json.is_array()) {
    std::vector<Value> items;
    for (const auto& item : json) items.push_back(value_of(run, item));
    return run.list(std::move(items));
  }
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [key, value] : json.items())
    items.emplace_back(run.text(key), value_of(run, value));
  return run.dict(std::move(items));
}

// The variables of a rendering from a JSON object.
inline auto variables_of(const nlohmann::ordered_json& json) {
  return [&json](Run& run) {
    std::vector<std::pair<std::string, Value>> out;
    for (const auto& [name, value] : json.items()) out.emplace_back(name, value_of(run, value));
    return out;
  };
}

// 2026-07-04 09:05:06, a Saturday, as tests/golden/jinja_environment.py has it.
inline std::tm golden_time() {
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 6;
  time.tm_mday = 4;
  time.tm_hour = 9;
  time.tm_min = 5;
  time.tm_sec = 6;
  time.tm_wday = 6;
  time.tm_yday = 184;
  return time;
}

}  // namespace charter::model::jinja
