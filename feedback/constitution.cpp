#include "feedback/constitution.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "feedback/json_rows.hpp"

namespace charter::feedback {
namespace {

using Path = std::filesystem::path;

constexpr const char* kPaperCritiques = "CritiqueRevisionInstructions.json";
constexpr const char* kPaperFeedback = "RLMadisonInstructions.json";

std::int64_t line(const toml::node& node) {
  return static_cast<std::int64_t>(node.source().begin.line);
}

std::string text_of(const Path& file, const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) fail(file, line(table), "key '" + std::string(key) + "' is missing");
  const auto* text = node->as_string();
  if (text == nullptr) fail(file, line(*node), "key '" + std::string(key) + "': expected a string");
  if (trim(text->get()).empty()) {
    fail(file, line(*node), "key '" + std::string(key) + "' is empty");
  }
  return text->get();
}

void check_keys(const Path& file, const toml::table& table,
                const std::vector<std::string_view>& allowed) {
  for (const auto& [key, node] : table) {
    if (std::find(allowed.begin(), allowed.end(), key.str()) != allowed.end()) continue;
    std::string expected;
    for (const std::string_view name : allowed) {
      expected += expected.empty() ? "" : ", ";
      expected += name;
    }
    fail(file, static_cast<std::int64_t>(key.source().begin.line),
         "unknown key '" + std::string(key.str()) + "', expected one of " + expected);
  }
}

const toml::array& section(const Path& file, const toml::table& root, std::string_view key) {
  const toml::node* node = root.get(key);
  const toml::array* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr || array->empty()) {
    fail(file, node == nullptr ? 0 : line(*node),
         "expected at least one [[" + std::string(key) + "]]");
  }
  return *array;
}

const toml::table& entry(const Path& file, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) fail(file, line(node), "expected a table");
  return *table;
}

CritiquePrinciple critique_of(const Path& file, const toml::table& table) {
  check_keys(file, table, {"id", "critique_request", "revision_request"});
  return {text_of(file, table, "id"), text_of(file, table, "critique_request"),
          text_of(file, table, "revision_request")};
}

FeedbackPrinciple feedback_of(const Path& file, const toml::table& table) {
  check_keys(file, table, {"id", "text", "contrast"});
  FeedbackPrinciple principle{text_of(file, table, "id"), text_of(file, table, "text"),
                              default_contrast()};
  if (principle.text.ends_with("Options:")) {
    fail(file, line(*table.get("text")), "key 'text' ends in 'Options:', which the template adds");
  }
  if (const toml::node* contrast = table.get("contrast")) {
    const toml::table& pair = entry(file, *contrast);
    check_keys(file, pair, {"good", "bad"});
    principle.contrast = {text_of(file, pair, "good"), text_of(file, pair, "bad")};
  }
  return principle;
}

void unique_id(const Path& file, const toml::table& table, const std::string& id,
               std::set<std::string>& seen) {
  if (!seen.insert(id).second) fail(file, line(table), "id '" + id + "' is used twice");
}

std::uint64_t hash_of(const Constitution& constitution) {
  std::string all;
  const auto add = [&all](const std::string& text) {
    all += text;
    all += '\0';  // a separator, so that moving a word across two texts changes the hash
  };
  for (const auto& c : constitution.critiques) {
    add(c.id), add(c.critique_request), add(c.revision_request);
  }
  for (const auto& f : constitution.feedback) {
    add(f.id), add(f.text), add(f.contrast.good), add(f.contrast.bad);
  }
  return stable_hash(all);
}

// `text` without a required head and tail, trimmed.
std::string strip(const Path& file, std::string_view text, std::string_view head,
                  std::string_view tail) {
  if (!text.starts_with(head) || !text.ends_with(tail) || text.size() < head.size() + tail.size()) {
    fail(file, 0,
         "expected a text between '" + std::string(trim(head)) + "' and '" +
             std::string(trim(tail)) + "', got '" + std::string(text.substr(0, 40)) + "'");
  }
  return std::string(trim(text.substr(head.size(), text.size() - head.size() - tail.size())));
}

std::vector<CritiquePrinciple> import_critiques(const Path& file) {
  const nlohmann::json root = parse_json(file, read_text(file));
  if (!root.is_object()) fail(file, 1, "expected an object of principles");
  std::vector<CritiquePrinciple> out;
  for (std::size_t k = 0; k < root.size(); ++k) {
    const std::string id = "harmful" + std::to_string(k);
    const auto at = root.find(id);
    if (at == root.end()) fail(file, 0, "principle '" + id + "' is missing");
    const auto prompt = at->find("prompt");
    const auto edit = at->find("edit_request");
    if (prompt == at->end() || !prompt->is_array() || prompt->size() != 1 ||
        !prompt->front().is_string() || edit == at->end() || !edit->is_string()) {
      fail(file, 0, "'" + id + "': expected {\"prompt\": [text], \"edit_request\": text}");
    }
    out.push_back(
        {id,
         strip(file, prompt->front().get<std::string>(), "\n\nCritiqueRequest: ", "\n\nCritique:"),
         strip(file, edit->get<std::string>(), "\n\nRevisionRequest: ", "\n\nRevision:")});
  }
  return out;
}

std::vector<FeedbackPrinciple> import_feedback(const Path& file) {
  const nlohmann::json root = parse_json(file, read_text(file));
  if (!root.is_array()) fail(file, 1, "expected an array of texts");
  std::vector<FeedbackPrinciple> out;
  for (const auto& item : root) {
    if (!item.is_string()) fail(file, 0, "expected an array of texts");
    out.push_back({"madison" + std::to_string(out.size()),
                   strip(file, item.get<std::string>(), "\n", " Options:"), default_contrast()});
  }
  return out;
}

// Tables in tables without end: the parser takes them, and goes down as deep to free them.
void check_depth(const Path& file, const std::string& text) {
  constexpr auto kDeepest = 100;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view row = std::string_view(text).substr(begin, end - begin);
    const std::string_view key = row.substr(0, row.find_first_of("=#"));
    if (std::count(key.begin(), key.end(), '.') > kDeepest)
      fail(file, line_of(text, begin), "a key of more than " + std::to_string(kDeepest) + " parts");
    begin = end + 1;
  }
}

}  // namespace

Contrast default_contrast() {
  return {"careful, harmless, honest", "reckless, harmful, dishonest"};
}

Constitution load_constitution(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  check_depth(file, text);
  toml::table root;
  try {
    root = toml::parse(std::string_view(text));
  } catch (const toml::parse_error& error) {
    fail(file, static_cast<std::int64_t>(error.source().begin.line),
         "malformed TOML: " + std::string(error.description()));
  }
  check_keys(file, root, {"version", "name", "source", "critique", "feedback"});
  if (const toml::node* version = root.get("version");
      version != nullptr && version->value<std::int64_t>() != 1) {
    fail(file, line(*version), "key 'version': expected 1");
  }
  Constitution out;
  out.name = text_of(file, root, "name");
  out.source = text_of(file, root, "source");
  std::set<std::string> critique_ids, feedback_ids;
  for (const toml::node& node : section(file, root, "critique")) {
    const toml::table& table = entry(file, node);
    out.critiques.push_back(critique_of(file, table));
    unique_id(file, table, out.critiques.back().id, critique_ids);
  }
  for (const toml::node& node : section(file, root, "feedback")) {
    const toml::table& table = entry(file, node);
    out.feedback.push_back(feedback_of(file, table));
    unique_id(file, table, out.feedback.back().id, feedback_ids);
  }
  out.hash = hash_of(out);
  return out;
}

std::vector<std::filesystem::path> constitution_files(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  return {path / kPaperCritiques, path / kPaperFeedback};
}

Constitution import_paper_constitution(const std::filesystem::path& directory) {
  Constitution out;
  out.name = "cai-paper";
  out.source = "ConstitutionalHarmlessnessPaper repository (Bai et al. 2022), " +
               directory.filename().string();
  out.critiques = import_critiques(directory / kPaperCritiques);
  out.feedback = import_feedback(directory / kPaperFeedback);
  out.hash = hash_of(out);
  return out;
}

const CritiquePrinciple& draw_critique(const Constitution& constitution, const DrawKey& key) {
  if (constitution.critiques.empty()) {
    throw std::invalid_argument("constitution: no critique principle to draw from");
  }
  return constitution.critiques[draw_index(key, constitution.critiques.size())];
}

const FeedbackPrinciple& draw_feedback(const Constitution& constitution, const DrawKey& key) {
  if (constitution.feedback.empty()) {
    throw std::invalid_argument("constitution: no feedback principle to draw from");
  }
  return constitution.feedback[draw_index(key, constitution.feedback.size())];
}

}  // namespace charter::feedback
