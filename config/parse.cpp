#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <type_traits>

#include "config/checks.hpp"
#include "config/nearest.hpp"
#include "config/schema.hpp"
#include "config/value_text.hpp"

namespace charter::config {
namespace {

// A value and where it was written.
struct Entry {
  const toml::node* node = nullptr;  // null: `raw` is a bare word of an override
  std::string raw;                   // of an override
  std::string where;                 // "FILE:LINE" or "--set"
};
using Entries = std::map<std::string, Entry>;  // by "section.key"

std::string at_line(const std::string& source, const toml::source_region& region) {
  return source + ":" + std::to_string(region.begin.line);
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

bool known(const std::string& section, const std::string& key) {
  const std::vector<KeyName> names = key_names();
  return std::any_of(names.begin(), names.end(), [&](const KeyName& name) {
    return name.section == section && name.key == key;
  });
}

void add_file(const toml::table& root, const std::string& source, Entries& entries) {
  const std::vector<std::string> sections = section_names();
  for (const auto& [name, node] : root) {
    const std::string section(name.str());
    const std::string where = at_line(source, name.source());
    const toml::table* table = node.as_table();
    const bool is_section = std::find(sections.begin(), sections.end(), section) != sections.end();
    if (table == nullptr) {
      throw ConfigError(where + ": " +
                        (is_section ? section + ": expected the section [" + section + "]"
                                    : unknown_key("", section)));
    }
    if (!is_section) throw ConfigError(where + ": " + unknown_section(section));
    for (const auto& [key_name, value] : *table) {
      const std::string key(key_name.str());
      const std::string key_where = at_line(source, key_name.source());
      if (!known(section, key)) throw ConfigError(key_where + ": " + unknown_key(section, key));
      entries[section + "." + key] = {&value, "", key_where};
    }
  }
}

// Tables in tables without end: the parser takes them, and goes down as deep to free them.
void check_depth(const std::string& text, const std::string& source) {
  constexpr auto kDeepest = 100;
  int64_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view row = std::string_view(text).substr(begin, end - begin);
    const std::string_view key = row.substr(0, row.find_first_of("=#"));
    ++line;
    if (std::count(key.begin(), key.end(), '.') > kDeepest)
      throw ConfigError(source + ":" + std::to_string(line) + ": a key of more than " +
                        std::to_string(kDeepest) + " parts, expected section.key");
    begin = end + 1;
  }
}

// `tables` keeps the parsed overrides alive; the last of two overrides of one key wins.
void add_override(const std::string& text, std::vector<toml::table>& tables, Entries& entries) {
  const std::string where = "--set " + brief(first_line(text));
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const size_t dot = name.find('.');
  if (equals == std::string::npos || dot == std::string::npos) {
    throw ConfigError(where + ": expected section.key=value");
  }
  const std::string section = name.substr(0, dot), key = name.substr(dot + 1);
  if (!known(section, key)) {
    const std::vector<std::string> sections = section_names();
    const bool is_section = std::find(sections.begin(), sections.end(), section) != sections.end();
    throw ConfigError(where + ": " +
                      (is_section ? unknown_key(section, key) : unknown_section(section)));
  }
  Entry entry{nullptr, text.substr(equals + 1), where};
  try {
    tables.push_back(toml::parse("value = " + entry.raw));
    if (tables.back().size() == 1) entry.node = tables.back().get("value");
  } catch (const toml::parse_error&) {
    // Not a TOML value: a bare word, which only a string key takes.
  }
  entries[name] = entry;
}

std::string type_of(const Entry& entry) {
  if (entry.node == nullptr) return "the word " + value_text(brief(entry.raw));
  if (const auto* v = entry.node->as_string()) return "the string " + value_text(brief(v->get()));
  if (const auto* v = entry.node->as_floating_point()) return "the number " + value_text(v->get());
  if (const auto* v = entry.node->as_integer()) return "the number " + std::to_string(v->get());
  if (const auto* v = entry.node->as_boolean()) return value_text(v->get());
  if (entry.node->is_array()) return "an array";
  if (entry.node->is_table()) return "a table";
  return "a date or time";
}

// Absolute, without dots and without a slash at its end, so that two spellings of a path are equal.
std::string resolved(const std::filesystem::path& path) {
  const auto normal = std::filesystem::absolute(path).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).string();
}

// Writes entries into one field after another, with the checks of a single key.
struct Reader {
  const Entries& entries;
  std::filesystem::path folder;  // of the file: its relative paths begin there

  template <class Field>
  void operator()(const char* section, const char* key, Field& field, const KeyInfo& info) const {
    const std::string name = std::string(section) + "." + key;
    const auto found = entries.find(name);
    if (found == entries.end()) return;
    const Entry& entry = found->second;
    const auto refuse = [&](const std::string& expected) {
      throw ConfigError(entry.where + ": " + name + ": got " + type_of(entry) + ", expected " +
                        expected);
    };
    if constexpr (std::is_same_v<Field, std::string>) {
      read_text(entry, field, info, refuse);
      if (info.path && !field.empty())
        field = resolved(entry.where.starts_with("--set") ? std::filesystem::path(field)
                                                          : folder / field);
    } else if constexpr (std::is_same_v<Field, bool>) {
      const auto* value = entry.node == nullptr ? nullptr : entry.node->as_boolean();
      if (value == nullptr) return refuse("true or false");
      field = value->get();
    } else {
      read_number(entry, field, info, refuse);
    }
  }

 private:
  template <class Refuse>
  static void read_text(const Entry& entry, std::string& field, const KeyInfo& info,
                        const Refuse& refuse) {
    if (entry.node != nullptr && entry.node->is_string()) {
      field = entry.node->as_string()->get();
    } else if (entry.where.starts_with("--set")) {
      field = entry.raw;  // the shell has taken the quotes
    } else {
      return refuse("a string");
    }
    if (info.choices.empty()) return;
    if (std::find(info.choices.begin(), info.choices.end(), field) == info.choices.end()) {
      std::string expected;
      for (const std::string& choice : info.choices) {
        expected += (expected.empty() ? "one of " : ", ") + value_text(choice);
      }
      refuse(expected);
    }
  }

  template <class Field, class Refuse>
  static void read_number(const Entry& entry, Field& field, const KeyInfo& info,
                          const Refuse& refuse) {
    const auto* integer = entry.node == nullptr ? nullptr : entry.node->as_integer();
    const auto* real = entry.node == nullptr ? nullptr : entry.node->as_floating_point();
    constexpr bool kWhole = std::is_integral_v<Field>;
    if (integer == nullptr && (kWhole || real == nullptr)) {
      return refuse(kWhole ? "a whole number" : "a number");
    }
    const double value = integer != nullptr ? static_cast<double>(integer->get()) : real->get();
    if (!(value >= info.min && value <= info.max)) {  // also refuses nan
      const auto text = [](double bound) {
        return kWhole ? std::to_string(static_cast<int64_t>(bound)) : value_text(bound);
      };
      return refuse(text(info.min) + " to " + text(info.max) +
                    (info.unit.empty() ? "" : " " + info.unit));
    }
    field = integer != nullptr ? static_cast<Field>(integer->get()) : static_cast<Field>(value);
  }
};

}  // namespace

RunConfig parse_config(const std::string& text, const std::string& source,
                       const std::vector<std::string>& overrides,
                       const std::string& default_model) {
  check_depth(text, source);
  toml::table root;
  try {
    root = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw ConfigError(at_line(source, error.source()) + ": " +
                      brief(first_line(error.description())));
  }
  Entries entries;
  std::vector<toml::table> tables;
  tables.reserve(overrides.size());  // entries point into them
  add_file(root, source, entries);
  for (const std::string& override : overrides) add_override(override, tables, entries);

  RunConfig config;
  for_each_key(config, Reader{entries, std::filesystem::path(source).parent_path()});
  if (config.models.base.empty() && !default_model.empty())
    config.models.base = resolved(default_model);
  check_combinations(config, [&](const std::string& key) {
    const auto found = entries.find(key);
    return found == entries.end() ? source : found->second.where;
  });
  return config;
}

RunConfig load_config(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                      const std::string& default_model) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || std::filesystem::is_directory(file)) {
    const int code = std::filesystem::is_directory(file) ? EISDIR : errno;
    throw ConfigError(file.string() + ": cannot read: " + std::strerror(code));
  }
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (in.bad() || text.fail()) throw ConfigError(file.string() + ": cannot read");
  RunConfig config = parse_config(text.str(), file.string(), overrides, default_model);
  config.run.root = resolved(config.run.root);
  return config;
}

}  // namespace charter::config
